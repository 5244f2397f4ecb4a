"""The RPCs about events: check, call, render.

Methods are named like the RPCs of `EventService`. What changes something can be repeated as it is, so no key is asked
for. Errors and the shield as in `workflows.servicer`.
"""

from workflows.ops.v1 import events_pb2 as ops

from service.domain.errors import not_found
from service.edge.context import Context
from service.edge.events import replies, requests
from service.edge.events.calls import Events
from service.edge.gate.caller import current
from service.edge.rpc.shield import Shield
from service.edge.rpc.trailers import whole


class EventService:
    def __init__(self, events: Events, shield: Shield) -> None:
        self._events = events
        self._shield = shield

    # --- dead letters ------------------------------------------------------------------------------------------------

    async def ListDeadLetters(self, request: ops.ListDeadLettersRequest, context: Context) -> bytes:
        chosen, window = requests.letter_list(request, current())
        page = await self._events.letters(chosen, window.limit, window.offset)
        return replies.letters(page).SerializeToString()

    async def GetDeadLetter(self, request: ops.GetDeadLetterRequest, context: Context) -> bytes:
        letter_id = requests.letter_id(request)
        found = await self._events.letter(letter_id, current().workspace)
        if found is None:
            raise not_found("dead_letter", str(letter_id))
        return whole(context, replies.opened_letter(found))

    async def ReplayDeadLetter(self, request: ops.ReplayDeadLetterRequest, context: Context) -> bytes:
        letter_id = requests.letter_id(request)
        replayed = await self._shield.run(self._events.replay_letter(letter_id, current().workspace))
        if replayed is None:
            raise not_found("dead_letter", str(letter_id))
        return ops.ReplayDeadLetterResponse(letter=replies.letter(replayed)).SerializeToString()

    async def DiscardDeadLetter(self, request: ops.DiscardDeadLetterRequest, context: Context) -> bytes:
        letter_id = requests.letter_id(request)
        if not await self._shield.run(self._events.discard(letter_id, current().workspace)):
            raise not_found("dead_letter", str(letter_id))
        return ops.DiscardDeadLetterResponse().SerializeToString()

    # --- events ------------------------------------------------------------------------------------------------------

    async def ListEvents(self, request: ops.ListEventsRequest, context: Context) -> bytes:
        chosen, window = requests.event_list(request, current())
        page = await self._events.events(chosen, window.limit, window.offset)
        return replies.events(page).SerializeToString()

    async def GetEvent(self, request: ops.GetEventRequest, context: Context) -> bytes:
        key = requests.event_key(request, current())
        found = await self._events.event(key)
        if found is None:
            raise not_found("event", key.id)
        return whole(context, replies.opened_event(found))

    async def Republish(self, request: ops.RepublishRequest, context: Context) -> bytes:
        chosen = requests.republishing(request, current())
        if request.dry_run:
            count = await self._events.republishable(chosen)
        else:
            count = await self._shield.run(self._events.republish(chosen))
        return ops.RepublishResponse(count=count).SerializeToString()
