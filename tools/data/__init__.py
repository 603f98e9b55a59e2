"""The bars that `daybook demo` trades, and the script that cut them; see README.md beside this."""
