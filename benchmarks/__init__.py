"""Measurements of speed and memory. As in the application, torch's threads do not spin while
waiting."""

import viz  # noqa: F401 - says so before torch is loaded
