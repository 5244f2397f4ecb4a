"""Everything said and heard over NATS; the only user of its client.

Saying: `outgoing.Publisher` sends each stored change once it is due, as a CloudEvent whose body `bodies` writes.
Hearing: `listener.Listener` follows the streams it is told to, `incoming.parse` turns each message into a `BusEvent`
or a `Poison`, and a sink stores them before anything is acknowledged.
`connection` keeps one connection for both, `streams` makes the stream that our own changes live in.
"""
