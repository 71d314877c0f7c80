"""Measurements of speed and memory. As in the application, torch's threads do not spin while
waiting."""

import viz
