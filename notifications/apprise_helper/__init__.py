"""Apprise, in a helper process of its own: ``notifications.channels.apprise`` asks it, and nothing else imports it.

Nothing here may need Django's settings, which the helper does not have.
"""
