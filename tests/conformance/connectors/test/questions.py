"""Tools and a prompt that ask before they answer: the person, the client's model, or for the client's folders."""

import json
from typing import Annotated, Any

from hub.sdk import Context, Elicit, Roots, Sample

from .shapes import CONSENT, NAME, connector, content

DEFAULTS: dict[str, Any] = {
    "name": {"type": "string", "description": "User name", "default": "John Doe"},
    "age": {"type": "integer", "description": "User age", "default": 30},
    "score": {"type": "number", "description": "User score", "default": 95.5},
    "status": {
        "type": "string",
        "description": "User status",
        "enum": ["active", "inactive", "pending"],
        "default": "active",
    },
    "verified": {"type": "boolean", "description": "Verification status", "default": True},
}

CHOICES: dict[str, Any] = {
    "untitledSingle": {"type": "string", "enum": ["option1", "option2", "option3"]},
    "titledSingle": {
        "type": "string",
        "oneOf": [
            {"const": "value1", "title": "First Option"},
            {"const": "value2", "title": "Second Option"},
            {"const": "value3", "title": "Third Option"},
        ],
    },
    "legacyEnum": {
        "type": "string",
        "enum": ["opt1", "opt2", "opt3"],
        "enumNames": ["Option One", "Option Two", "Option Three"],
    },
    "untitledMulti": {
        "type": "array",
        "minItems": 1,
        "maxItems": 3,
        "items": {"type": "string", "enum": ["option1", "option2", "option3"]},
    },
    "titledMulti": {
        "type": "array",
        "minItems": 1,
        "maxItems": 3,
        "items": {
            "anyOf": [
                {"const": "value1", "title": "First Choice"},
                {"const": "value2", "title": "Second Choice"},
                {"const": "value3", "title": "Third Choice"},
            ]
        },
    },
}


def told(answer: dict[str, Any]) -> str:
    """An answer to a form, in words."""
    return f"action={answer['action']}, content={json.dumps(content(answer), sort_keys=True)}"


@connector.tool(effect="read")
async def test_sampling(ctx: Context, prompt: Annotated[str, "What the client's model is asked."]) -> str:
    """Ask the client's model, and answer with what it said."""
    answer = await ctx.ask(reply=Sample(prompt, max_tokens=100))
    return f"LLM response: {answer['content'].get('text', '')}"


@connector.tool(effect="read")
async def test_missing_capability(ctx: Context) -> str:
    """Need the client's model, whether or not the client offers one."""
    answer = await ctx.ask(reply=Sample("Say one word.", max_tokens=10))
    return f"The model said {answer['content'].get('text', '')}"


@connector.tool(effect="read")
async def test_elicitation(ctx: Context, message: Annotated[str, "What the person is asked."]) -> str:
    """Ask the person for a name and an address."""
    form = {
        "username": {"type": "string", "description": "User's response"},
        "email": {"type": "string", "description": "User's email address"},
    }
    return f"User response: {told(await ctx.ask(person=Elicit(message, properties=form)))}"


@connector.tool(effect="read")
async def test_elicitation_sep1034_defaults(ctx: Context) -> str:
    """Ask for values that each have a default."""
    ask = Elicit("Please review and update the form fields with defaults", properties=DEFAULTS, required=())
    return f"Elicitation completed: {told(await ctx.ask(form=ask))}"


@connector.tool(effect="read")
async def test_elicitation_sep1330_enums(ctx: Context) -> str:
    """Ask for choices: one or several, with and without titles."""
    ask = Elicit("Please select options from the enum fields", properties=CHOICES, required=())
    return f"Elicitation completed: {told(await ctx.ask(form=ask))}"


@connector.tool(effect="read")
async def test_streaming_elicitation(ctx: Context) -> str:
    """Report progress, then ask the person."""
    await ctx.progress(50, 100, "half done")
    answer = await ctx.ask(confirm=Elicit("Please confirm", properties=CONSENT))
    return f"Confirmed with {told(answer)}"


@connector.tool(effect="read")
async def test_input_required_result_elicitation(ctx: Context) -> str:
    """Ask for a name and greet with it."""
    answer = await ctx.ask(user_name=Elicit("What is your name?", properties=NAME))
    return f"Hello, {content(answer).get('name', 'stranger')}!"


@connector.tool(effect="read")
async def test_input_required_result_sampling(ctx: Context) -> str:
    """Ask the client's model for a capital."""
    answer = await ctx.ask(capital_question=Sample("What is the capital of France?", max_tokens=100))
    return str(answer["content"].get("text", ""))


@connector.tool(effect="read")
async def test_input_required_result_list_roots(ctx: Context) -> str:
    """Ask for the client's folders and list them."""
    answer = await ctx.ask(client_roots=Roots())
    return "Roots: " + ", ".join(root["uri"] for root in answer["roots"])


@connector.tool(effect="read")
async def test_input_required_result_request_state(ctx: Context) -> str:
    """Ask for a yes; the state of the call travels with the question and comes back with the answer."""
    answer = await ctx.ask(confirm=Elicit("Please confirm", properties=CONSENT))
    return f"state-ok: {told(answer)}"


@connector.tool(effect="read")
async def test_input_required_result_tampered_state(ctx: Context) -> str:
    """Ask for a yes; an altered state is refused before this runs again."""
    answer = await ctx.ask(confirm=Elicit("Please confirm", properties=CONSENT))
    return f"The state was whole: {told(answer)}"


@connector.tool(effect="read")
async def test_input_required_result_multiple_inputs(ctx: Context) -> str:
    """Ask the person, the client's model and for the client's folders at once."""
    answers = await ctx.ask(
        user_name=Elicit("What is your name?", properties=NAME),
        greeting=Sample("Generate a greeting", max_tokens=50),
        client_roots=Roots(),
    )
    name = content(answers["user_name"]).get("name", "stranger")
    folders = len(answers["client_roots"]["roots"])
    return f"{answers['greeting']['content'].get('text', '')} {name}, {folders} folders are open."


@connector.tool(effect="read")
async def test_input_required_result_multi_round(ctx: Context) -> str:
    """Ask twice, one question after the other."""
    first = content(await ctx.ask(step1=Elicit("Step 1: What is your name?", properties=NAME)))
    colour = {"color": {"type": "string", "description": "A colour."}}
    second = content(await ctx.ask(step2=Elicit("Step 2: What is your favorite color?", properties=colour)))
    return f"{first.get('name', 'stranger')} likes {second.get('color', 'no colour')}."


@connector.tool(effect="read")
async def test_input_required_result_capabilities(ctx: Context) -> str:
    """Ask whatever the client can be asked."""
    form = Elicit("Elicitation input", properties={"value": {"type": "string", "description": "Any value."}})
    sample = Sample("Sample request", max_tokens=50)
    asks = {name: ask for name, ask in (("elicit_input", form), ("sample_input", sample)) if ctx.can_ask(ask)}
    if not asks:
        return "The client can be asked nothing."
    await ctx.ask(**asks)
    return "Answered: " + ", ".join(asks)


@connector.prompt(title="A prompt that asks")
async def test_input_required_result_prompt(ctx: Context) -> str:
    """A prompt that asks the person for its context first."""
    form = {"context": {"type": "string", "description": "What the prompt is about."}}
    answer = await ctx.ask(user_context=Elicit("What context should the prompt use?", properties=form))
    return f"Use this context: {content(answer).get('context', 'none')}"
