# SPDX-License-Identifier: Apache-2.0
"""Options of [api]: limits of requests and how strictly documents are read."""

from oslo_config import cfg

GROUP = 'api'

OPTS: list[cfg.Opt] = [
    cfg.IntOpt(
        'default_limit',
        default=10,
        min=1,
        help='Number of entries in a list if the request names no limit.',
    ),
    cfg.IntOpt(
        'max_limit',
        default=1000,
        min=1,
        help='Largest number of entries in a list. A request for more gets this many.',
    ),
    cfg.IntOpt(
        'max_depth',
        default=32,
        min=8,
        max=200,
        help='How deep objects and lists of a request may be nested.',
    ),
    cfg.IntOpt(
        'max_keys',
        default=20_000,
        min=1000,
        help='How many keys all objects of a request may have together.',
    ),
    cfg.IntOpt(
        'max_list_length',
        default=100_000,
        min=100,
        help='How many entries a list of a request may have.',
    ),
    cfg.IntOpt(
        'max_key_length',
        default=1024,
        min=64,
        max=65_536,
        help='How many characters a key of a request may have.',
    ),
    cfg.IntOpt(
        'max_text_length',
        default=524_288,
        min=4096,
        help=(
            'How many characters a text of a request may have. Those that are ids or words of a'
            ' status have smaller limits of their own.'
        ),
    ),
    cfg.IntOpt(
        'max_job_actions',
        default=300,
        min=10,
        help=(
            'How many entries the job_actions of a job may have. A job that was stored with more is'
            ' served, and may be changed as long as it gets no more.'
        ),
    ),
    cfg.IntOpt(
        'max_search_conditions',
        default=100,
        min=10,
        # Beyond, statements have more terms than databases take.
        max=200,
        help='How many conditions a search may have.',
    ),
    cfg.IntOpt(
        'max_search_text',
        default=1000,
        min=64,
        max=1000,
        help='How many characters a text that is searched for everywhere (_all) may have.',
    ),
    cfg.BoolOpt(
        'strict_schedules',
        default=True,
        help=(
            'Refuse schedules that no agent can run, or that would stop an agent. If false, they are'
            ' stored and a warning is logged.'
        ),
    ),
    cfg.BoolOpt(
        'schedule_zones',
        default=False,
        help=(
            'Take start and end dates of schedules with a zone or a fraction of a second. Agents'
            ' read them since release 19.0.0; a single job with such a date stops all polling of an'
            ' earlier one.'
        ),
    ),
]
