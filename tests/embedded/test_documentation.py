"""Every public name says what it does."""

import inspect

import pytest

from pykafkalite import api
from pykafkalite.embedded.consumer import Consumer
from pykafkalite.embedded.group import Group
from pykafkalite.embedded.log import Log
from pykafkalite.embedded.scan import Scan
from pykafkalite.embedded.topic import Topic
from pykafkalite.embedded.writer import Writer


@pytest.mark.parametrize("cls", [Log, Topic, Scan, Consumer, Group, Writer])
def test_every_public_member_is_described(cls):
    members = {name: member for name, member in vars(cls).items() if not name.startswith("_")}
    assert members
    assert not [name for name, member in members.items() if not inspect.getdoc(member)]
    assert inspect.getdoc(cls)


@pytest.mark.parametrize("name", api.__all__)
def test_every_name_of_the_api_is_there(name):
    assert hasattr(api, name)


def test_the_description_of_what_every_target_offers_is_shared():
    assert "murmur2" in inspect.getdoc(Topic.append)
    assert inspect.getdoc(Log.create_topic) == inspect.getdoc(api.Log.create_topic)
