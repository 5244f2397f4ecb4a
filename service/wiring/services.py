"""The edge's services, each over the engine and the reads that it needs."""

from contextlib import AsyncExitStack

from service.bus.letters import reread
from service.edge.definitions.calls import EnginePictures
from service.edge.definitions.servicer import DefinitionService
from service.edge.events.calls import EngineEvents
from service.edge.events.servicer import EventService
from service.edge.retention.calls import EngineRetention
from service.edge.retention.servicer import RetentionService
from service.edge.rpc.shield import Shield
from service.edge.runs.bulk_calls import BulkControl
from service.edge.runs.calls import EngineInquiries
from service.edge.runs.servicer import RunService
from service.edge.schedules.calls import EngineSchedules
from service.edge.schedules.servicer import ScheduleService
from service.edge.server.server import Services
from service.edge.tasks.calls import EngineTasks
from service.edge.tasks.servicer import TaskService
from service.edge.workflows.inspector import Inspector
from service.edge.workflows.run_calls import EngineRuns
from service.edge.workflows.run_messages import Renderer
from service.edge.workflows.run_replies import RunReplies
from service.edge.workflows.servicer import WorkflowService
from service.edge.workflows.trigger_calls import EngineTriggers
from service.engine.engine import Engine
from service.engine.purging import Purger
from service.engine.scheduler import Scheduler
from service.store.bulk import BulkCalls
from service.store.definitions import Definitions
from service.store.operators import OperatorReads, Operators
from service.store.reads import Reads
from service.store.retention import RetentionBook, RetentionReads
from service.store.run_reads import RunReads
from service.store.schedules import ScheduleReads, Schedules
from service.store.schemas import VersionSchemas
from service.store.tasks import TaskReads
from service.store.triggers import Triggers
from service.wiring.connecting import Outside
from service.wiring.ids import IDS


def services(
    outside: Outside, engine: Engine, scheduler: Scheduler, retention: Purger, stack: AsyncExitStack
) -> tuple[Services, Shield]:
    """And the shield that they all commit under. The stack closes what they open."""
    reads = Reads(outside.reading)
    definitions = Definitions(outside.writing, reads, IDS)
    runs = EngineRuns(engine.advance, engine.plans, definitions, engine.subjects, reads, IDS)
    run_reads = RunReads(outside.reading)
    inquiries = EngineInquiries(reads, run_reads, engine.plans, engine.clock.now)
    tasks = EngineTasks(engine.advance, TaskReads(outside.reading))
    schedules = EngineSchedules(Schedules(outside.writing), ScheduleReads(outside.reading), scheduler)
    events = EngineEvents(Operators(outside.writing), OperatorReads(outside.reading), reread, engine.router.accept)
    triggers = EngineTriggers(engine.intake, Triggers(outside.writing))
    book = EngineRetention(RetentionBook(outside.writing), RetentionReads(outside.reading), retention)
    schemas = VersionSchemas(outside.writing, outside.reading)
    inspector, shield, run_replies = Inspector(), Shield(), RunReplies(Renderer())
    bulk = BulkControl(runs, run_reads, BulkCalls(outside.writing), shield)
    stack.callback(inspector.close)
    services = Services(
        WorkflowService(definitions, runs, triggers, inspector, run_replies, shield),
        TaskService(tasks, shield),
        RunService(runs, inquiries, bulk, run_replies, shield),
        DefinitionService(definitions, schemas, EnginePictures(reads, engine.plans), inspector, shield),
        ScheduleService(schedules, shield),
        EventService(events, shield),
        RetentionService(book, shield),
    )
    return services, shield
