"""The console kit that every app's pages share. It knows no app."""
