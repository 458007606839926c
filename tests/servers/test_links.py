"""URIs of other servers, there and back: the hub's in what a model reads, the server's own in what the server gets."""

from tests.servers.conftest import Begin, Liar, call, tools, until


async def test_a_link_of_one_result_is_the_servers_own_again_in_the_next_call(begin: Begin, liar: Liar) -> None:
    liar.result = {"content": [{"type": "resource_link", "uri": "notes:///a?b=c+d#e", "name": "a"}]}
    hub = await begin({"my_notes": {"url": liar.url}})
    await until(hub, lambda: "my_notes_look" in tools(hub))
    link = (await call(hub, "my_notes_look"))["content"][0]["uri"]
    assert link == "my-notes+notes:///a?b=c+d#e"
    await call(hub, "my_notes_look", uri=link, more={"uris": [link, "other+notes:///a"]}, text="my-notes+1 is a text")
    assert liar.calls()[-1]["arguments"] == {
        "uri": "notes:///a?b=c+d#e",
        "more": {"uris": ["notes:///a?b=c+d#e", "other+notes:///a"]},
        "text": "my-notes+1 is a text",
    }
