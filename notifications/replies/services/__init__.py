"""The services of replies: they do the action of a reply as the person who sent it."""
