"""Views of the on-call pages. Each reads the request, asks one selector or service, and renders."""

from __future__ import annotations

import csv
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.conf import settings
from django.contrib import messages
from django.http import HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import content_disposition_header
from django.views.decorators.http import require_http_methods, require_safe

from aiops.access.actors import Actor, Role
from aiops.access.models import User, Workspace
from aiops.kernel.clock import utcnow
from aiops.kernel.errors import InvalidInput, NotFound, NotPermitted
from aiops.web.acting import sentence
from aiops.web.console_view import console_view, is_fragment
from aiops.web.requests import ActorRequest
from notifications.oncall.console import boards, editing
from notifications.oncall.console.forms import ImportForm, OverrideForm, RangeForm, SwapForm, TimeOffForm
from notifications.oncall.fairness import Load
from notifications.oncall.models import Schedule, ShiftSwap
from notifications.oncall.selectors import fairness
from notifications.oncall.services import calendars, schedules, swaps
from notifications.oncall.services.schedule_preview import foretell
from notifications.oncall.services.schedules import ScheduleDraft
from notifications.oncall.wall import instant_of, wall_of

SECTION = {"section": "oncall"}
MONTH = timedelta(days=29)


@require_safe
@console_view
def overview(request: ActorRequest) -> HttpResponse:
    """Who is on now, until when, and who is next, per schedule."""
    actor, user = request.actor, request.user
    context = boards.overview(actor, ZoneInfo(user.time_zone), utcnow())
    context["may_make"] = bool(_workspaces(request))
    template = "notifications/oncall/_glances.html" if is_fragment(request) else "notifications/oncall/overview.html"
    return render(request, template, context | SECTION)


@require_safe
@console_view
def schedule_page(request: ActorRequest, schedule_id: int) -> HttpResponse:
    """The calendar of a schedule; ``starts`` and ``ends`` fill the override's form in."""
    actor, user, now = request.actor, request.user, utcnow()
    schedule = boards.schedule_for(actor, schedule_id)
    context = boards.schedule_page(actor, user, schedule, request.GET, now)
    initial = {
        "starts_at": request.GET.get("starts"),
        "ends_at": request.GET.get("ends"),
        "user": request.GET.get("user"),
    }
    context["form"] = OverrideForm(initial=initial, members=context["members"])
    if context["admin"]:
        context |= {
            "import_form": ImportForm(),
            "trouble": calendars.trouble_of(schedule),
            "feed_url": feed_url(request, schedule.feed_key),
        }
    if is_fragment(request):
        return render(request, "notifications/oncall/_schedule.html", context | SECTION)
    return render(request, "notifications/oncall/schedule.html", context | SECTION)


@require_safe
@console_view
def mine(request: ActorRequest) -> HttpResponse:
    """One's own shifts, swaps, time off and calendar."""
    actor, user, now = request.actor, request.user, utcnow()
    boards.require_membership(actor)
    calendar = calendars.personal_calendar(user_id=user.pk)
    context = boards.mine(user, actor, now) | {
        "time_off_form": TimeOffForm(),
        "import_form": ImportForm(),
        "calendar": calendar,
        "trouble": calendars.trouble_of(calendar),
        "feed_url": feed_url(request, calendar.feed_key),
        "zone": user.time_zone,
    }
    return render(request, "notifications/oncall/mine.html", context | SECTION)


@require_safe
@console_view
def swap_new(request: ActorRequest, schedule_id: int) -> HttpResponse:
    """Ask for somebody to take a shift: ``starts`` and ``ends`` fill the form in."""
    schedule = boards.schedule_for(request.actor, schedule_id)
    others = swaps.others_of(schedule, request.user.pk)
    initial = {"starts_at": request.GET.get("starts"), "ends_at": request.GET.get("ends")}
    context = {"schedule": schedule, "form": SwapForm(initial=initial, others=others), "zone": _zone(request).key}
    return render(request, "notifications/oncall/swap_new.html", context | SECTION)


@require_safe
@console_view
def swap_page(request: ActorRequest, swap_id: int) -> HttpResponse:
    """One swap: one tap accepts it. It says who was first."""
    actor, now = request.actor, utcnow()
    rows = ShiftSwap.objects.select_related("schedule", "requester", "candidate", "taken_by")
    swap = rows.filter(pk=swap_id, schedule__in=Schedule.objects.visible_to(actor)).first()
    if swap is None:
        raise NotFound("There is no such swap")
    own = swap.requester_id == request.user.pk
    context = {
        "swap": swap,
        "own": own,
        "may_accept": swaps.may_accept(swap, request.user.pk, now),
        "may_decline": swap.state == "open" and swap.candidate_id == request.user.pk,
        "may_cancel": swap.state == "open" and (own or actor.may(Role.OPERATOR, swap.schedule.workspace_id)),
        "over": swap.ends_at <= now,
    }
    return render(request, "notifications/oncall/swap.html", context | SECTION)


@require_http_methods(["GET", "HEAD", "POST"])
@console_view
def new_schedule(request: ActorRequest) -> HttpResponse:
    """Make a schedule. Admins of a workspace only."""
    choices = _workspaces(request)
    if not choices:
        raise NotPermitted("Schedules are made by admins of a workspace")
    wanted = request.POST.get("workspace") or request.GET.get("workspace")
    workspace = next((row for row in choices if str(row.pk) == wanted), choices[0])
    zone = _zone(request).key
    return _edit(request, workspace, None, ScheduleDraft(name="", time_zone=zone), {"workspaces": choices})


@require_http_methods(["GET", "HEAD", "POST"])
@console_view
def edit_schedule(request: ActorRequest, schedule_id: int) -> HttpResponse:
    """Change a schedule. Admins of its workspace only."""
    actor = request.actor
    schedule = boards.schedule_for(actor, schedule_id)
    if not actor.may(Role.ADMIN, schedule.workspace_id):
        raise NotPermitted("Schedules are changed by admins of the workspace")
    return _edit(request, schedule.workspace, schedule, schedules.draft_of(schedule), {})


@require_safe
@console_view
def fairness_page(request: ActorRequest) -> HttpResponse:
    """How the load falls on people; ``format=csv`` for a table to take away."""
    actor, now = request.actor, utcnow()
    visible = Schedule.objects.visible_to(actor).order_by("name")
    today = wall_of(now, _zone(request)).date()
    params = QueryDict(mutable=True)
    params.update({"since": (today - MONTH).isoformat(), "until": today.isoformat()})
    params.update(request.GET.dict())
    for name in ("since", "until", "schedule"):
        params[name] = request.GET.get(name) or params.get(name, "")
    form = RangeForm(params, schedules=visible)
    rows: list[Any] = []
    if form.is_valid():
        start, end = _bounds(form, _zone(request))
        chosen = form.cleaned_data["schedule"]
        rows = fairness.report([chosen] if chosen else list(visible), start, end)
    if request.GET.get("format") == "csv" and form.is_valid():
        return _csv(rows, form)
    params["format"] = "csv"
    most = max((one.total for _, one in rows), default=timedelta(0))
    context = {
        "form": form,
        "rows": [(user, one, _hours(one)) for user, one in rows],
        "most": most.total_seconds(),
        "csv_query": params.urlencode(),
        "zone": _zone(request).key,
    }
    return render(
        request, "notifications/oncall/fairness.html", context | SECTION, status=200 if form.is_valid() else 422
    )


def feed_url(request: ActorRequest, key: str) -> str:
    """The whole address of a calendar feed."""
    path = reverse("calendar-feed", args=[key or "unknown"])
    return (
        settings.AIOPS_PUBLIC_URL.rstrip("/") + path if settings.AIOPS_PUBLIC_URL else request.build_absolute_uri(path)
    )


def _edit(
    request: ActorRequest, workspace: Workspace, schedule: Schedule | None, draft: ScheduleDraft, more: dict[str, Any]
) -> HttpResponse:
    """The editor. What changes who is on call in the coming weeks is shown before it is saved, and saved when it is seen."""
    actor, now, status = request.actor, utcnow(), 200
    sheet = editing.sheet_of(draft)
    if request.method == "POST":
        sheet = editing.read_sheet(request.POST)
        try:
            wanted = None if "more" in request.POST else editing.draft_from(sheet)
            if wanted is not None and schedule is not None:
                found = foretell(actor=actor, schedule_id=schedule.pk, draft=wanted, now=now)
                if found.changes and found.seal != request.POST.get("seen"):
                    more, wanted = more | {"foretold": editing.foretold_context(found)}, None
            if wanted is not None:
                saved = _save(actor, workspace, schedule, wanted, now)
                messages.success(request, f"{saved.name} is saved.")
                return redirect("console-oncall-schedule", saved.pk)
        except InvalidInput as error:
            bad = editing.typed_name(error.location, sheet)
            placed = bool(editing.PLACED.fullmatch(bad))
            said = sentence(error) if placed else f"{error.message.removesuffix('.')}."
            more, status = more | {"error": said, "bad": bad, "placed": placed}, 422
    context = editing.editor_context(sheet, workspace, schedule, now)
    return render(request, "notifications/oncall/edit.html", context | more, status=status)


def _save(
    actor: Actor, workspace: Workspace, schedule: Schedule | None, wanted: ScheduleDraft, now: datetime
) -> Schedule:
    if schedule is None:
        return schedules.create_schedule(actor=actor, workspace_id=workspace.pk, draft=wanted, now=now)
    return schedules.update_schedule(actor=actor, schedule_id=schedule.pk, draft=wanted, now=now)


def _workspaces(request: ActorRequest) -> list[Workspace]:
    """Where the person may make schedules."""
    actor = request.actor
    rows = Workspace.objects.order_by("name")
    if actor.everywhere == Role.ADMIN:
        return list(rows)
    return list(rows.filter(pk__in=[pk for pk, role in actor.roles if role >= Role.ADMIN]))


def _zone(request: ActorRequest) -> ZoneInfo:
    user = request.user
    return ZoneInfo(user.time_zone if isinstance(user, User) else "UTC")


def _bounds(form: RangeForm, zone: ZoneInfo) -> tuple[datetime, datetime]:
    first, last = form.days()
    midnight = datetime.min.time()
    return (
        instant_of(datetime.combine(first, midnight), zone),
        instant_of(datetime.combine(last + timedelta(days=1), midnight), zone),
    )


def _csv(rows: list[Any], form: RangeForm) -> HttpResponse:
    first, last = form.days()
    disposition = content_disposition_header(True, f"on-call-{first}-{last}.csv") or "attachment"
    response = HttpResponse(content_type="text/csv; charset=utf-8", headers={"Content-Disposition": disposition})
    writer = csv.writer(response)
    writer.writerow(
        [
            "username",
            "name",
            "time_zone",
            "shifts",
            "hours",
            "night_hours",
            "weekend_hours",
            "pages",
            "sleep_interruptions",
        ]
    )
    for user, one in rows:
        texts = [_harmless(text) for text in (user.username, user.display_name, user.time_zone)]
        writer.writerow([*texts, one.shifts, *_hours(one), one.pages, one.interruptions])
    return response


def _hours(one: Load) -> list[float]:
    """In all, at night, at weekends."""
    return [round(part / timedelta(hours=1), 1) for part in (one.total, one.nights, one.weekends)]


def _harmless(text: str) -> str:
    """A name that a spreadsheet would take for a formula is shown with an apostrophe before it."""
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t", "\r")) else text
