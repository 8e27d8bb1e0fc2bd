"""The policy pack's program: the engine starts it for `--policy-pack infra/policy`."""

import sys
from datetime import UTC, datetime

from documents import SettingsError
from infra.policy.pack import serve

try:
    serve(datetime.now(UTC).date())
except SettingsError as error:
    sys.exit(str(error))
