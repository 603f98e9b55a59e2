"""`python -m tools.cli` is the command `daybook`."""

from __future__ import annotations

from tools.cli import main

raise SystemExit(main())
