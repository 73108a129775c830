"""Replies: people's answers to pages from links, text messages, chats and mails, and the actions that they cause."""

from __future__ import annotations
