"""Why somebody is not signed in, in words for them. Nothing here tells which accounts exist."""

from hub.errors import HubError


class SignInRefused(HubError):
    """What was shown does not let anyone in, or no longer."""


class TooManyAttempts(SignInRefused):
    """There were too many attempts; ``after`` are the seconds until the next one."""

    def __init__(self, after: float) -> None:
        minutes = max(1, round(after / 60))
        super().__init__(f"Too many attempts. Try again in {minutes} minute{'' if minutes == 1 else 's'}.")
        self.after = max(1.0, after)


class ChangeRefused(HubError):
    """What a person wants of their account cannot be; says why."""
