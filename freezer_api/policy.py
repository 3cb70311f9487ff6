# SPDX-License-Identifier: Apache-2.0
"""Whether a caller may do something.

A decision by oslo.policy takes longer than many of our queries, because it looks at the policy
files and inspects each check on every call. Here the files are looked at once a second, and
decisions are kept.
"""

import argparse
import os
import sys
import threading
import time
from collections import OrderedDict
from collections.abc import Hashable, Iterable, Mapping

from oslo_config import cfg
from oslo_context.context import RequestContext
from oslo_log import log
from oslo_policy import policy

from freezer_api import conf as configuration
from freezer_api import exceptions, policies
from freezer_api.policies import cross_project

LOG = log.getLogger(__name__)

RELOAD_INTERVAL = 1.0  # seconds
CACHE_SIZE = 1024


def _new_enforcer(conf: cfg.ConfigOpts) -> policy.Enforcer:
    enforcer = policy.Enforcer(conf)
    enforcer.register_defaults(policies.list_rules())
    return enforcer


def get_enforcer() -> policy.Enforcer:
    """The enforcer with our rules, for the oslopolicy tools.

    The tools read their command line into a configuration of their own, so this looks there for our files.
    """
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    for option in ('--config-file', '--config-dir'):
        parser.add_argument(option, action='append', default=[])
    given, _ = parser.parse_known_args(sys.argv[1:])
    files = [f'--config-file={path}' for path in given.config_file]
    folders = [f'--config-dir={path}' for path in given.config_dir]
    return _new_enforcer(configuration.new(files + folders))


def _is_pure(check: object) -> bool:
    """Whether the check and all checks in it decide by rules, credentials and target alone.

    Checks that ask the world (http:, https:, plug-ins) are not in the module of the basic ones.
    """
    if type(check).__module__ != policy.RuleCheck.__module__:
        return False
    parts = [*getattr(check, 'rules', ())]
    if isinstance(check, policy.NotCheck):
        parts.append(check.rule)
    return all(_is_pure(part) for part in parts)


def _freeze(value: object) -> Hashable:
    """The value as part of a key: equal only where no check can tell the difference."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, list | tuple):
        return tuple(_freeze(item) for item in value)
    # Checks compare text: 1 and True are equal, but differ as text.
    return type(value), str(value)


# What a check sees of a caller without roles, whom nobody knows.
_STRANGER: Mapping[str, object] = RequestContext(overwrite=False).to_policy_values()


class _Rules:
    """The rules as the policy files were at one moment, and the decisions by them."""

    def __init__(self, conf: cfg.ConfigOpts) -> None:
        self._enforcer = _new_enforcer(conf)
        self._enforcer.load_rules()
        # From here on the enforcer must not look at the files: it would change its rules while
        # other threads use them.
        self._enforcer.use_conf = False
        self._cacheable = all(_is_pure(check) for check in self._enforcer.rules.values())
        self._decisions: OrderedDict[Hashable, bool] = OrderedDict()
        self._lock = threading.Lock()
        self._warn()

    def _warn(self) -> None:
        if self._cacheable:
            for rule in sorted(cross_project.NEVER_FOR_ALL):
                if self._decide(_STRANGER, rule, ''):
                    LOG.warning('The policy rule %s allows everybody; it is refused to all', rule)

    def allows(self, context: RequestContext, rule: str, project_id: str) -> bool:
        """See :meth:`Policy.allows`."""
        if not self._passes(context.to_policy_values(), rule, project_id):
            return False
        if rule not in cross_project.NEVER_FOR_ALL:
            return True
        return not self._passes(_STRANGER, rule, project_id)

    def _passes(self, values: Mapping[str, object], rule: str, project_id: str) -> bool:
        if not self._cacheable:
            return self._decide(values, rule, project_id)
        # Everything that a check can see.
        key = (rule, project_id, tuple((name, _freeze(values[name])) for name in values))
        with self._lock:
            decision = self._decisions.get(key)
            if decision is not None:
                self._decisions.move_to_end(key)
                return decision
        decision = self._decide(values, rule, project_id)
        with self._lock:
            self._decisions[key] = decision
            if len(self._decisions) > CACHE_SIZE:
                self._decisions.popitem(last=False)
        return decision

    def _decide(self, values: Mapping[str, object], rule: str, project_id: str) -> bool:
        target = {'project_id': project_id}
        return bool(self._enforcer.authorize(rule, target, dict(values)))


class Policy:
    """The rules in force: our defaults, changed by the operator's files.

    Changed files are taken up within a second. Files that cannot be read or understood are an
    error at the start; later on they are logged, and the rules before them stay in force.
    """

    def __init__(self, conf: cfg.ConfigOpts) -> None:
        self._conf = conf
        self._lock = threading.Lock()
        # Registers the options that _state() reads.
        policy.Enforcer(conf)
        self._seen = self._state()
        self._rules = _Rules(conf)
        self._next_look = time.monotonic() + RELOAD_INTERVAL

    def authorize(self, context: RequestContext, rule: str, project_id: str) -> None:
        """Return if the caller may do that in the project.

        :raises Forbidden: the caller may not
        """
        if not self.allows(context, rule, project_id):
            raise exceptions.Forbidden(f'The policy rule {rule} does not allow this.')

    def authorize_access(self, context: RequestContext, project_id: str) -> None:
        """Return if the project is that of the token, or the caller may act in others.

        :raises Forbidden: the caller may not
        """
        if project_id != context.project_id:
            self.authorize(context, cross_project.ACCESS, project_id)

    def allows(self, context: RequestContext, rule: str, project_id: str) -> bool:
        """Whether the caller may do that in the project.

        The rules of :data:`cross_project.NEVER_FOR_ALL` are held by those whom they single out. One that would pass
        a caller without roles too, such as ``@``, singles out nobody, and is refused to all: with a policy file
        that allows everybody everything, each caller stays within the project of the token.
        """
        if time.monotonic() >= self._next_look:
            self._reload()
        return self._rules.allows(context, rule, project_id)

    def _reload(self) -> None:
        # One thread looks, the others go on with the rules there are.
        if not self._lock.acquire(blocking=False):
            return
        try:
            self._next_look = time.monotonic() + RELOAD_INTERVAL
            # Before reading: a file changed meanwhile is read again next time.
            seen = self._state()
            if seen != self._seen:
                self._seen = seen
                self._rules = _Rules(self._conf)
                LOG.info('Policy files changed; the new rules are in force')
        except Exception as error:
            LOG.error('Policy files changed; the old rules stay in force: %s', error)
        finally:
            self._lock.release()

    def _state(self) -> tuple[Hashable, ...]:
        """What tells changed policy files from unchanged ones."""
        options = self._conf.oslo_policy
        paths: list[str] = []
        if path := self._conf.find_file(options.policy_file):
            paths.append(path)
        for name in options.policy_dirs:
            if folder := self._conf.find_file(name):
                paths.extend(sorted(entry.path for entry in os.scandir(folder)))
        return tuple(self._stat(paths))

    @staticmethod
    def _stat(paths: Iterable[str]) -> Iterable[Hashable]:
        for path in paths:
            try:
                status = os.stat(path)
            except FileNotFoundError:
                continue
            yield path, status.st_ino, status.st_size, status.st_mtime_ns
