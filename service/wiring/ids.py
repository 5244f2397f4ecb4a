"""The ids of this service: over UUIDs that grow with time, unique without asking anybody."""

from uuid_utils.compat import uuid7

from service.domain.ids import Ids

IDS = Ids(lambda: str(uuid7()))
