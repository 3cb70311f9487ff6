# SPDX-License-Identifier: Apache-2.0
"""What can be searched in jobs, and how an index finds it in the order of lists."""

from collections.abc import Callable
from typing import Any

import sqlalchemy as sa
from sqlalchemy.sql.expression import Subquery

from freezer_api.db import attachments, search
from freezer_api.db.models import Action, ActionAttachment, Job, JobAttachment

_COMPLETED = 'completed'

JOIN = sa.join(
    Job,
    JobAttachment,
    sa.and_(JobAttachment.project_id == Job.project_id, JobAttachment.job_id == Job.id),
)


def _in_entries(clause: Any) -> Any:
    """Some entry of the job fulfils the clause."""
    own = ActionAttachment
    return sa.exists(
        sa.select(own.id)
        .select_from(own)
        .outerjoin(Action, attachments.FOLLOWED)
        .where(own.project_id == JobAttachment.project_id, own.job_id == JobAttachment.job_id)
        .where(clause)
        .correlate(JobAttachment)
    )


def _other(path: tuple[str, ...], condition: search.Condition) -> Any:
    """Keys without a column of the job: of the schedule, else of the entries and their definitions."""
    if path[0].startswith('schedule_'):
        return search.in_documents(Job.scheduling)(path, condition)
    while len(path) > 1 and path[0] in ('job_actions', 'freezer_action'):
        path = path[1:]
    if path == ('action_id',):
        return _by_action_id(condition)
    if condition.negated or condition.value is None:
        asked = search.Condition(condition.key, condition.value, negated=condition.value is None)
        found = _in_entries(_of_entry(path, asked))
        # Null: no entry has the key. Not a value: no entry has the value.
        return found if condition.negated and condition.value is None else sa.not_(found)
    return _in_entries(_of_entry(path, condition))


def _of_entry(path: tuple[str, ...], condition: search.Condition) -> Any:
    own = ActionAttachment
    options: dict[tuple[str, ...], Any] = {
        ('max_retries',): sa.func.coalesce(own.retries, Action.max_retries),
        ('max_retries_interval',): sa.func.coalesce(
            own.retry_interval, Action.max_retries_interval
        ),
        ('mandatory',): sa.func.coalesce(own.mandatory, Action.mandatory),
    }
    if path in options:
        return search.equals(options[path], condition.value, condition.negated)
    definition = sa.func.coalesce(own.freezer_action, Action.freezer_action)
    return search.in_documents(definition, own.document)(path, condition)


def _text_in_entries(text: str) -> Any:
    texts = (ActionAttachment.search_text, Action.search_text)
    return _in_entries(
        sa.or_(
            search.equals(ActionAttachment.action_id, text),
            *(search.in_lower_case(column, text) for column in texts),
        )
    )


def _is_not_completed(condition: search.Condition) -> bool:
    return condition.value == _COMPLETED and condition.negated


def _by_status(condition: search.Condition) -> Any:
    """Not ``completed`` by its own column: what agents ask for at every poll."""
    if not _is_not_completed(condition):
        return None
    return JobAttachment.completed == sa.false()


def _by_action_id(condition: search.Condition) -> Any:
    same = search.equals(ActionAttachment.action_id, condition.value)
    own = ActionAttachment
    found = JobAttachment.job_id.in_(
        sa.select(own.job_id)
        .where(own.project_id == JobAttachment.project_id, same)
        .correlate(JobAttachment)
    )
    return sa.not_(found) if condition.negated else found


def _or_empty(column: Any) -> Callable[[search.Condition], Any]:
    """Search a column whose NULL is shown as an empty text."""

    def clause(condition: search.Condition) -> Any:
        value = None if condition.value == '' else condition.value
        return search.equals(column, value, condition.negated)

    return clause


_COLUMNS = {
    'job_id': JobAttachment.job_id,
    'project_id': JobAttachment.project_id,
    'client_id': JobAttachment.client_id,
    'event': JobAttachment.event,
    'status': JobAttachment.status,
    'result': JobAttachment.result,
    'current_pid': JobAttachment.current_pid,
    'time_created': JobAttachment.time_created,
    'time_started': JobAttachment.time_started,
    'time_ended': JobAttachment.time_ended,
    'session_tag': JobAttachment.session_tag,
    'user_id': Job.user_id,
    'description': Job.description,
    'session_name': Job.session_name,
}
_OF_ATTACHMENT = frozenset(
    name for name, column in _COLUMNS.items() if column.class_ is JobAttachment
) | {'session_id', 'action_id'}

INDEX = search.Index(
    key=(JobAttachment.project_id, JobAttachment.job_id),
    order=(JobAttachment.created_at, JobAttachment.job_id),
    columns=_COLUMNS,
    exact=('job_id', 'client_id'),
    texts=(
        JobAttachment.job_id,
        JobAttachment.client_id,
        JobAttachment.status,
        JobAttachment.event,
        JobAttachment.result,
        JobAttachment.session_id,
        Job.search_text,
    ),
    text_elsewhere=_text_in_entries,
    other=_other,
    containers=('job_schedule',),
    special={
        'status': _by_status,
        'action_id': _by_action_id,
        'session_id': _or_empty(JobAttachment.session_id),
        'description': _or_empty(Job.description),
    },
    forming=('', _COMPLETED),
)

INDEX_V1 = INDEX.without('project_id')


_SERVED = {
    'job_id': 'PRIMARY',
    'client_id': 'ix_job_attachments_client',
    'session_id': 'ix_job_attachments_session',
    'status': 'ix_job_attachments_status',
    'action_id': None,
}
_SERVED_ALL = {'client_id': 'ix_job_attachments_client_all'}


def _source(wanted: search.Search, by_user: bool) -> Any:
    """The table to look in; both only if the search needs both."""
    names = {condition.key.removeprefix('job_schedule.') for condition in wanted.conditions}
    if by_user or wanted.texts or not names <= _OF_ATTACHMENT:
        return JOIN
    return None


def _is_served_by_polls(wanted: search.Search) -> bool:
    """Whether the index for polls finds what it asks for, be it a poll (see ``polls``) or more special than one."""
    return 'client_id' in INDEX.found_by(wanted) and any(
        INDEX.path(condition) == ('status',) and _is_not_completed(condition)
        for condition in wanted.conditions
    )


def _listing(wanted: search.Search, by_user: bool, all_projects: bool) -> search.Listing:
    scope: Any = sa.true()
    if not all_projects:
        scope = JobAttachment.project_id == sa.bindparam('project_id')
    if by_user:
        scope = sa.and_(scope, Job.user_id == sa.bindparam('user_id'))
    if _is_served_by_polls(wanted):
        suffix = '_all' if all_projects else ''
        return search.Listing(scope, f'ix_job_attachments_poll{suffix}')
    if all_projects:
        return search.Listing(scope, 'ix_job_attachments_list_all', _SERVED_ALL)
    if by_user or 'user_id' in INDEX.found_by(wanted):
        # A job and its attachment are created at the same time.
        order: Any = (Job.created_at, Job.id)
        return search.Listing(scope, 'ix_jobs_list_user', _SERVED, order)
    return search.Listing(scope, 'ix_job_attachments_list', _SERVED)


def keys(
    index: search.Index, wanted: search.Search, by_user: bool, all_projects: bool
) -> Subquery:
    """The keys of a page, as :func:`search.keys` has them; with parameters for project and user.

    :param by_user: jobs of one creator alone
    """
    listing = _listing(wanted, by_user, all_projects)
    return search.keys(index, [listing], wanted, _source(wanted, by_user))
