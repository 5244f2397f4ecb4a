"""The simulated notifications service: keeps what it was asked to send and calls it sent."""

from notifications.v1 import notifications_pb2 as pb

from service.dev.siblings.serving import Route
from service.dev.siblings.stage import Stage, new_id, timestamp

_SERVICE = "notifications.v1.NotificationService"


class Notifications:
    def __init__(self, stage: Stage) -> None:
        self.records: dict[str, pb.Notification] = {}
        self._stage = stage

    def routes(self) -> list[Route]:
        return [Route(_SERVICE, "Send", pb.SendRequest, self._send, once=True)]

    def _send(self, request: pb.SendRequest, workspace_id: str) -> pb.SendResponse:
        notification = pb.Notification(
            id=new_id("ntf"),
            workspace_id=request.workspace_id,
            recipient_id=request.recipient_id,
            channel=request.channel,
            priority=request.priority,
            category=request.category,
            subject=request.subject,
            body=request.body,
            metadata_json=request.metadata_json,
            template_name=request.template_name,
            delivery_status=pb.DELIVERY_STATUS_SENT,
            sent_at=timestamp(),
        )
        self.records[notification.id] = notification
        self._stage.moved()
        return pb.SendResponse(notification=notification)
