"""Messages to people: one notification to one recipient."""

from notifications.v1.notifications_pb2 import (
    DELIVERY_STATUS_BOUNCED,
    DELIVERY_STATUS_FAILED,
    DeliveryChannel,
    DeliveryStatus,
    NotificationCategory,
    Priority,
    SendRequest,
    SendResponse,
)

from service.domain.answers import Fault, FaultKind, NotificationSent
from service.domain.calls import SendNotification
from service.siblings.method import SiblingMethod, demand, json_bytes

_LOST = (DELIVERY_STATUS_FAILED, DELIVERY_STATUS_BOUNCED)


def send_request(call: SendNotification, workspace_id: str) -> SendRequest:
    return SendRequest(
        workspace_id=workspace_id,
        recipient_id=call.recipient_id,
        channel=DeliveryChannel.Value(call.channel or "DELIVERY_CHANNEL_UNSPECIFIED"),
        priority=Priority.Value(call.priority or "PRIORITY_UNSPECIFIED"),
        category=NotificationCategory.Value(call.category or "NOTIFICATION_CATEGORY_UNSPECIFIED"),
        subject=call.subject,
        body=call.body,
        template_name=call.template,
        template_variables_json=json_bytes(call.variables).decode(),
    )


def _sent(reply: SendResponse) -> NotificationSent | Fault:
    notification_id = demand(reply.notification.id, "notification id")
    status = reply.notification.delivery_status
    if status in _LOST:
        return Fault(FaultKind.FAILED, "delivery_failed", f"{notification_id}: {DeliveryStatus.Name(status)}")
    return NotificationSent(notification_id)


SEND = SiblingMethod("notifications", "/notifications.v1.NotificationService/Send", SendResponse, _sent)
