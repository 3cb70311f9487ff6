# SPDX-License-Identifier: Apache-2.0
"""The generators of samples and the tools of oslo.policy, run as commands, and the samples that are checked in."""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import ClassVar

import yaml

from freezer_api import policies
from tests import base

ROOT = Path(__file__).resolve().parents[2]
SAMPLES = ROOT / 'etc' / 'freezer'

REFRESH = 'the sample is old; write it anew with tox -e genconfig,genpolicy'


def blocks(sample: str) -> dict[tuple[str, str], str]:
    """The parts of a configuration sample by section and by the library that they are from."""
    found: dict[tuple[str, str], str] = {}
    for section in re.split(r'^(?=\[)', sample, flags=re.M)[1:]:
        for part in re.split(r'^#\n# From ', section, flags=re.M)[1:]:
            source, _, options = part.partition('\n#\n')
            found[section.partition('\n')[0], source] = options.strip()
    return found


class SamplesTest(base.TestCase):
    """The entry points are those of this tree, whatever is installed."""

    folder: ClassVar[Path]

    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        cls.folder = Path(tempfile.mkdtemp(prefix='freezer_samples_'))
        cls.addClassCleanup(shutil.rmtree, cls.folder)
        cls.command(sys.executable, 'setup.py', '-q', 'egg_info', '--egg-base', str(cls.folder))

    @classmethod
    def command(cls, *command: str) -> str:
        """Run a command that must succeed; return what it printed."""
        done = subprocess.run(
            command,
            cwd=ROOT,
            env={**os.environ, 'PYTHONPATH': os.pathsep.join([str(cls.folder), str(ROOT)])},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        if done.returncode:
            raise AssertionError(f'{command}: {done.stdout}{done.stderr}')
        return done.stdout

    def tool(self, name: str, *arguments: str) -> str:
        return self.command(str(Path(sys.executable).parent / name), *arguments)

    def configure(self, policy: str) -> tuple[str, ...]:
        """Write a policy file; return the options that lead to it."""
        path = self.folder / 'policy.yaml'
        path.write_text(policy)
        file = self.folder / 'freezer-api.conf'
        file.write_text(f'[oslo_policy]\npolicy_file = {path}\n')
        return '--namespace', 'freezer_api', '--config-file', str(file)

    def test_policy_sample_is_as_generated(self) -> None:
        made = self.folder / 'policy.yaml.sample'
        config = SAMPLES / 'freezer-api-policy-generator.conf'
        self.tool(
            'oslopolicy-sample-generator', f'--config-file={config}', f'--output-file={made}'
        )
        sample = (SAMPLES / 'policy.yaml.sample').read_text()
        self.assertEqual(made.read_text(), sample, REFRESH)
        for rule in policies.list_rules():
            self.assertIn(f'\n#"{rule.name}": "{rule.check_str}"\n', f'\n{sample}')

    def test_configuration_sample_is_as_generated(self) -> None:
        """Our options to the letter; of the libraries, whose releases differ, that they are there."""
        made = self.folder / 'freezer-api.conf.sample'
        config = SAMPLES / 'freezer-api-config-generator.conf'
        self.tool('oslo-config-generator', f'--config-file={config}', f'--output-file={made}')
        fresh = blocks(made.read_text())
        sample = blocks((SAMPLES / 'freezer-api.conf.sample').read_text())
        ours = [name for name in fresh if name[1] == 'freezer_api']
        self.assertGreaterEqual(len(ours), 2)
        for name in ours:
            self.assertEqual(fresh[name], sample.get(name), f'{name}: {REFRESH}')
        self.assertEqual({source for _, source in fresh}, {source for _, source in sample})
        self.assertEqual(ours, [name for name in sample if name[1] == 'freezer_api'], REFRESH)

    def test_groups_that_the_manual_tells_to_set_are_in_the_sample(self) -> None:
        sample = (SAMPLES / 'freezer-api.conf.sample').read_text()
        groups = set(re.findall(r'^\[\w+\]$', sample, flags=re.M))
        for name in ('configuration.rst', 'operation.rst'):
            page = (ROOT / 'doc' / 'source' / 'admin' / name).read_text()
            told = set(re.findall(r'^ +(\[\w+\])$', page, flags=re.M))
            self.assertNotEqual(set(), told)
            self.assertEqual(set(), told - groups)

    def test_redundant_rules_of_a_policy_file_are_listed(self) -> None:
        options = self.configure('jobs:get: role:auditor\njobs:delete: rule:admin_or_owner\n')
        printed = self.tool('oslopolicy-list-redundant', *options)
        self.assertEqual('"jobs:delete": "rule:admin_or_owner"\n', printed)

    def test_generated_policy_is_the_defaults_and_the_changes(self) -> None:
        options = self.configure('jobs:get: role:auditor\n')
        merged = yaml.safe_load(self.tool('oslopolicy-policy-generator', *options))
        defaults = {rule.name: rule.check_str for rule in policies.list_rules()}
        self.assertEqual({**defaults, 'jobs:get': 'role:auditor'}, merged)

    def test_upgraded_policy_keeps_the_changes(self) -> None:
        self.configure('jobs:get: role:auditor\njobs:delete: role:admin\n')
        made = self.folder / 'upgraded.yaml'
        self.tool(
            'oslopolicy-policy-upgrade',
            '--namespace=freezer_api',
            f'--policy={self.folder / "policy.yaml"}',
            f'--output-file={made}',
        )
        upgraded = yaml.safe_load(made.read_text())
        self.assertEqual({'jobs:get': 'role:auditor', 'jobs:delete': 'role:admin'}, upgraded)
