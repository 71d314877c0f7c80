"""What only measures. As in the application, torch's threads do not spin while they wait."""

import viz  # noqa: F401 - says so before torch is loaded
