"""The application: session state, render worker, panels and exports."""
