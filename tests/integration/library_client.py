# SPDX-License-Identifier: Apache-2.0
"""The client object of the published library, for the drivers beside this file, which run in its interpreter."""

from freezerclient.v2 import client
from keystoneauth1 import session, token_endpoint


def connect(endpoint, project_id, client_id):
    """A client object that asks no Keystone."""
    # Without a session the library would ask Keystone for a catalogue.
    auth = token_endpoint.Token(endpoint, 'a-token')
    api = client.Client(
        token='a-token',
        endpoint=endpoint,
        project_id=project_id,
        session=session.Session(auth=auth),
    )
    # It would be made of a project that this session does not know; the scheduler sets it too.
    api.client_id = client_id
    return api
