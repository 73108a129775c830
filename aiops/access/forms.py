"""Sign-in forms of the console and the admin, with the guard against guessed passwords."""

from __future__ import annotations

from typing import Any

from django.contrib.admin.forms import AdminAuthenticationForm
from django.contrib.auth.forms import AuthenticationForm
from django.core.exceptions import ValidationError

from aiops.access import loginguard
from aiops.kernel.clock import utcnow
from aiops.kernel.errors import RateLimited


class GuardedAuthenticationForm(AuthenticationForm):
    """Django's sign-in form; too many attempts are an error of the whole form (code ``rate_limited``)."""

    def clean(self) -> dict[str, Any]:
        """Counts the attempt before the password is looked at, and forgets the failures after a right one."""
        now = utcnow()
        who = self.cleaned_data.get("username", ""), loginguard.address_of(self.request) if self.request else ""
        try:
            loginguard.attempt(*who, now)
        except RateLimited as refused:
            raise ValidationError(refused.message, code=refused.code) from None
        cleaned = super().clean()
        if self.get_user() is not None:
            loginguard.succeeded(*who, now)
        return cleaned


class GuardedAdminAuthenticationForm(GuardedAuthenticationForm, AdminAuthenticationForm):
    """The same for the admin, which only lets staff in."""
