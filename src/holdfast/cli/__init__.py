"""What people type. One command, one file; nothing here is imported before its command is called."""
