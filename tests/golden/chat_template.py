"""Writes chat_template.json: templates in the styles of common models, conversations, and what jinja2 makes of them with the
environment that transformers sets up for apply_chat_template. Run: python tests/golden/chat_template.py (jinja2 3.1.6)."""

import json
import pathlib
import time

import jinja2
from jinja2.ext import Extension, loopcontrols
from jinja2.sandbox import ImmutableSandboxedEnvironment

NOW = 1700000000


class Generation(Extension):
    tags = {"generation"}

    def parse(self, parser):
        line = next(parser.stream).lineno
        body = parser.parse_statements(["name:endgeneration"], drop_needle=True)
        return jinja2.nodes.CallBlock(self.call_method("_body"), [], [], body).set_lineno(line)

    def _body(self, caller):
        return caller()


def refuse(message):
    raise jinja2.exceptions.TemplateError(message)


def tojson(x, ensure_ascii=False, indent=None, separators=None, sort_keys=False):
    return json.dumps(x, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)


env = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True, extensions=[Generation, loopcontrols])
env.filters["tojson"] = tojson
env.globals["raise_exception"] = refuse
env.globals["strftime_now"] = lambda form: time.strftime(form, time.gmtime(NOW))

LLAMA3 = """{{- bos_token }}
{%- if custom_tools is defined %}
    {%- set tools = custom_tools %}
{%- endif %}
{%- if not date_string is defined %}
    {%- set date_string = strftime_now("%d %b %Y") %}
{%- endif %}
{%- if messages[0]['role'] == 'system' %}
    {%- set system_message = messages[0]['content']|trim %}
    {%- set messages = messages[1:] %}
{%- else %}
    {%- set system_message = "" %}
{%- endif %}
{{- "<|start_header_id|>system<|end_header_id|>\\n\\n" }}
{{- "Today: " + date_string + "\\n\\n" }}
{%- if tools is not none and tools %}
    {{- "Call one of these functions:\\n\\n" }}
    {%- for t in tools %}
        {{- t | tojson(indent=4) }}
        {{- "\\n\\n" }}
    {%- endfor %}
{%- endif %}
{{- system_message }}
{{- "<|eot_id|>" }}
{%- for message in messages %}
    {%- if not (message.role == 'ipython' or message.role == 'tool' or 'tool_calls' in message) %}
        {{- '<|start_header_id|>' + message['role'] + '<|end_header_id|>\\n\\n'+ message['content'] | trim + '<|eot_id|>' }}
    {%- elif 'tool_calls' in message %}
        {%- if message.tool_calls|length != 1 %}
            {{- raise_exception("one call at a time") }}
        {%- endif %}
        {%- set tool_call = message.tool_calls[0].function %}
        {{- '<|start_header_id|>assistant<|end_header_id|>\\n\\n' -}}
        {{- '{"name": "' + tool_call.name + '", ' }}
        {{- '"parameters": ' }}
        {{- tool_call.arguments | tojson }}
        {{- "}" }}
        {{- "<|eot_id|>" }}
    {%- elif message.role == "tool" or message.role == "ipython" %}
        {{- "<|start_header_id|>ipython<|end_header_id|>\\n\\n" }}
        {%- if message.content is mapping or message.content is iterable and message.content is not string %}
            {{- message.content | tojson }}
        {%- else %}
            {{- message.content }}
        {%- endif %}
        {{- "<|eot_id|>" }}
    {%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<|start_header_id|>assistant<|end_header_id|>\\n\\n' }}
{%- endif %}
"""

QWEN = """{%- if tools %}
    {{- '<|im_start|>system\\n' }}
    {%- if messages[0].role == 'system' %}
        {{- messages[0].content + '\\n\\n' }}
    {%- endif %}
    {{- "# Tools\\n\\n<tools>" }}
    {%- for tool in tools %}
        {{- "\\n" }}
        {{- tool | tojson }}
    {%- endfor %}
    {{- "\\n</tools><|im_end|>\\n" }}
{%- else %}
    {%- if messages[0].role == 'system' %}
        {{- '<|im_start|>system\\n' + messages[0].content + '<|im_end|>\\n' }}
    {%- endif %}
{%- endif %}
{%- set ns = namespace(multi_step=true, last=messages|length - 1) %}
{%- for message in messages[::-1] %}
    {%- set index = (messages|length - 1) - loop.index0 %}
    {%- if ns.multi_step and message.role == "user" and message.content is string and not(message.content.startswith('<tool_response>') and message.content.endswith('</tool_response>')) %}
        {%- set ns.multi_step = false %}
        {%- set ns.last = index %}
    {%- endif %}
{%- endfor %}
{%- for message in messages %}
    {%- if message.content is string %}
        {%- set content = message.content %}
    {%- else %}
        {%- set content = '' %}
    {%- endif %}
    {%- if (message.role == "user") or (message.role == "system" and not loop.first) %}
        {{- '<|im_start|>' + message.role + '\\n' + content + '<|im_end|>' + '\\n' }}
    {%- elif message.role == "assistant" %}
        {%- set reasoning = '' %}
        {%- if message.reasoning_content is string %}
            {%- set reasoning = message.reasoning_content %}
        {%- else %}
            {%- if '</think>' in content %}
                {%- set reasoning = content.split('</think>')[0].rstrip('\\n').split('<think>')[-1].lstrip('\\n') %}
                {%- set content = content.split('</think>')[-1].lstrip('\\n') %}
            {%- endif %}
        {%- endif %}
        {%- if loop.index0 > ns.last and (loop.last or reasoning) %}
            {{- '<|im_start|>' + message.role + '\\n<think>\\n' + reasoning.strip('\\n') + '\\n</think>\\n\\n' + content.lstrip('\\n') }}
        {%- else %}
            {{- '<|im_start|>' + message.role + '\\n' + content }}
        {%- endif %}
        {%- if message.tool_calls %}
            {%- for tool_call in message.tool_calls %}
                {%- if (loop.first and content) or (not loop.first) %}
                    {{- '\\n' }}
                {%- endif %}
                {%- if tool_call.function %}
                    {%- set tool_call = tool_call.function %}
                {%- endif %}
                {{- '<tool_call>\\n{"name": "' }}
                {{- tool_call.name }}
                {{- '", "arguments": ' }}
                {%- if tool_call.arguments is string %}
                    {{- tool_call.arguments }}
                {%- else %}
                    {{- tool_call.arguments | tojson }}
                {%- endif %}
                {{- '}\\n</tool_call>' }}
            {%- endfor %}
        {%- endif %}
        {{- '<|im_end|>\\n' }}
    {%- elif message.role == "tool" %}
        {%- if loop.first or (messages[loop.index0 - 1].role != "tool") %}
            {{- '<|im_start|>user' }}
        {%- endif %}
        {{- '\\n<tool_response>\\n' }}
        {{- content }}
        {{- '\\n</tool_response>' }}
        {%- if loop.last or (messages[loop.index0 + 1].role != "tool") %}
            {{- '<|im_end|>\\n' }}
        {%- endif %}
    {%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<|im_start|>assistant\\n' }}
    {%- if enable_thinking is defined and enable_thinking is false %}
        {{- '<think>\\n\\n</think>\\n\\n' }}
    {%- endif %}
{%- endif %}"""

MISTRAL = """{%- if messages[0]["role"] == "system" %}
    {%- set system_message = messages[0]["content"] %}
    {%- set loop_messages = messages[1:] %}
{%- else %}
    {%- set loop_messages = messages %}
{%- endif %}
{%- set user_messages = loop_messages | selectattr("role", "equalto", "user") | list %}
{%- for message in loop_messages | rejectattr("role", "equalto", "tool") | rejectattr("role", "equalto", "tool_results") | selectattr("tool_calls", "undefined") %}
    {%- if (message["role"] == "user") != (loop.index0 % 2 == 0) %}
        {{- raise_exception("roles must alternate: user, assistant, user, ...") }}
    {%- endif %}
{%- endfor %}
{{- bos_token }}
{%- for message in loop_messages %}
    {%- if message["role"] == "user" %}
        {%- if tools is not none and (message == user_messages[-1]) %}
            {{- "[AVAILABLE_TOOLS] [" }}
            {%- for tool in tools %}
                {%- set tool = tool.function %}
                {{- '{"type": "function", "function": {' }}
                {%- for key, val in tool.items() if key != "return" %}
                    {%- if val is string %}
                        {{- '"' + key + '": "' + val + '"' }}
                    {%- else %}
                        {{- '"' + key + '": ' + val|tojson }}
                    {%- endif %}
                    {%- if not loop.last %}
                        {{- ", " }}
                    {%- endif %}
                {%- endfor %}
                {{- "}}" }}
                {%- if not loop.last %}
                    {{- ", " }}
                {%- else %}
                    {{- "]" }}
                {%- endif %}
            {%- endfor %}
            {{- "[/AVAILABLE_TOOLS]" }}
        {%- endif %}
        {%- if loop.last and system_message is defined %}
            {{- "[INST] " + system_message + "\\n\\n" + message["content"] + "[/INST]" }}
        {%- else %}
            {{- "[INST] " + message["content"] + "[/INST]" }}
        {%- endif %}
    {%- elif message.tool_calls is defined and message.tool_calls is not none %}
        {{- "[TOOL_CALLS] [" }}
        {%- for tool_call in message.tool_calls %}
            {%- set out = tool_call.function|tojson %}
            {{- out[:-1] }}
            {%- if not tool_call.id is defined or tool_call.id|length != 9 %}
                {{- ', "id": "' + (tool_call.id ~ "xxxxxxxxx")[:9] + '"}' }}
            {%- else %}
                {{- ', "id": "' + tool_call.id + '"}' }}
            {%- endif %}
            {%- if not loop.last %}{{- ", " }}{%- else %}{{- "]" + eos_token }}{%- endif %}
        {%- endfor %}
    {%- elif message["role"] == "assistant" %}
        {{- " " + message["content"]|trim + eos_token}}
    {%- elif message["role"] == "tool_results" or message["role"] == "tool" %}
        {%- if message.content is defined and message.content.content is defined %}
            {%- set content = message.content.content %}
        {%- else %}
            {%- set content = message.content %}
        {%- endif %}
        {{- '[TOOL_RESULTS] {"content": ' + content|string + ", " }}
        {{- '"call": "' + message.name|default("none") + '"}[/TOOL_RESULTS]' }}
    {%- else %}
        {{- raise_exception("unknown role " + message["role"]) }}
    {%- endif %}
{%- endfor %}
"""

ZEPHYR = """{% for message in messages %}
{% if message['role'] == 'user' %}
{{ '<|user|>
' + message['content'] + eos_token }}
{% elif message['role'] == 'system' %}
{{ '<|system|>
' + message['content'] + eos_token }}
{% elif message['role'] == 'assistant' %}
{{ '<|assistant|>
'  + message['content'] + eos_token }}
{% endif %}
{% if loop.last and add_generation_prompt %}
{{ '<|assistant|>' }}
{% endif %}
{% endfor %}
"""

CHATML = "{% for message in messages %}{{'<|im_start|>' + message['role'] + '\n'}}{% if message['role'] == 'assistant' %}{% generation %}{{ message['content'] + '<|im_end|>' }}{% endgeneration %}{% else %}{{ message['content'] + '<|im_end|>' }}{% endif %}{{ '\n' }}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"

GEMMA = """{{ bos_token }}
{%- if messages[0]['role'] == 'system' -%}
    {%- if messages[0]['content'] is string -%}
        {%- set first_user_prefix = messages[0]['content'] + '

' -%}
    {%- else -%}
        {%- set first_user_prefix = messages[0]['content'][0]['text'] + '

' -%}
    {%- endif -%}
    {%- set loop_messages = messages[1:] -%}
{%- else -%}
    {%- set first_user_prefix = "" -%}
    {%- set loop_messages = messages -%}
{%- endif -%}
{%- for message in loop_messages -%}
    {%- if (message['role'] == 'assistant') -%}
        {%- set role = "model" -%}
    {%- else -%}
        {%- set role = message['role'] -%}
    {%- endif -%}
    {{ '<start_of_turn>' + role + '
' + (first_user_prefix if loop.first else "") }}
    {%- if message['content'] is string -%}
        {{ message['content'] | trim }}
    {%- elif message['content'] is iterable -%}
        {%- for item in message['content'] -%}
            {%- if item['type'] == 'image' -%}
                {{ '<start_of_image>' }}
            {%- elif item['type'] == 'text' -%}
                {{ item['text'] | trim }}
            {%- endif -%}
        {%- endfor -%}
    {%- endif -%}
    {{ '<end_of_turn>
' }}
{%- endfor -%}
{%- if add_generation_prompt -%}
    {{'<start_of_turn>model
'}}
{%- endif -%}
"""

PHI = "{% for message in messages %}{% if message['role'] == 'system' and 'tools' in message and message['tools'] is not none %}{{ '<|' + message['role'] + '|>' + message['content'] + '<|tool|>' + message['tools'] + '<|/tool|>' + '<|end|>' }}{% else %}{{ '<|' + message['role'] + '|>' + (message['content'] or '') + '<|end|>' }}{% endif %}{% endfor %}{% if add_generation_prompt %}{{ '<|assistant|>' }}{% else %}{{ eos_token }}{% endif %}"

DEEPSEEK = "{% if not add_generation_prompt is defined %}{% set add_generation_prompt = false %}{% endif %}{% set ns = namespace(is_first=false, is_tool=false, is_output_first=true, system_prompt='') %}{%- for message in messages %}{%- if message['role'] == 'system' %}{% set ns.system_prompt = message['content'] %}{%- endif %}{%- endfor %}{{bos_token}}{{ns.system_prompt}}{%- for message in messages %}{%- if message['role'] == 'user' %}{%- set ns.is_tool = false -%}{{'<\uff5cUser\uff5c>' + message['content']}}{%- endif %}{%- if message['role'] == 'assistant' and message['content'] is none %}{%- set ns.is_tool = false -%}{%- for tool in message['tool_calls']%}{%- if not ns.is_first %}{{'<\uff5cAssistant\uff5c><\uff5ctool\u2581calls\u2581begin\uff5c>' + tool['function']['name'] + '\\n' + '```json' + '\\n' + tool['function']['arguments']|tojson + '\\n' + '```'}}{%- set ns.is_first = true -%}{%- else %}{{'\\n' + tool['function']['name']}}{%- endif %}{%- endfor %}{%- endif %}{%- if message['role'] == 'assistant' and message['content'] is not none %}{%- if ns.is_tool %}{{'<\uff5ctool\u2581outputs\u2581end\uff5c>' + message['content'] + eos_token}}{%- set ns.is_tool = false -%}{%- else %}{% set content = message['content'] %}{% if '</think>' in content %}{% set content = content.split('</think>')[-1] %}{% endif %}{{'<\uff5cAssistant\uff5c>' + content + eos_token}}{%- endif %}{%- endif %}{%- if message['role'] == 'tool' %}{%- set ns.is_tool = true -%}{{'<\uff5ctool\u2581output\uff5c>' + message['content']}}{%- set ns.is_output_first = false %}{%- endif %}{%- endfor -%}{% if ns.is_tool %}{{'<\uff5ctool\u2581outputs\u2581end\uff5c>'}}{% endif %}{% if add_generation_prompt and not ns.is_tool %}{{'<\uff5cAssistant\uff5c><think>\\n'}}{% endif %}"

MACROS = """{%- macro render_type(spec, required=true) -%}
{%- if spec.type == 'array' -%}
list[{{ render_type(spec['items']) }}]
{%- elif spec.type is string -%}
{{ {'string': 'str', 'integer': 'int', 'number': 'float'}.get(spec.type, spec.type) }}
{%- else -%}
any
{%- endif -%}
{{ '' if required else ' | None' }}
{%- endmacro -%}
{%- macro render_tools(tools) %}
{%- for tool in tools %}
{%- set props = tool.function.parameters.properties %}
{{ "def " ~ tool.function.name ~ "(" }}
{%- for name, spec in props.items() %}
{{- name ~ ": " ~ render_type(spec, required=name in tool.function.parameters.get('required', [])) }}{{ ", " if not loop.last }}
{%- endfor -%}
)
{% endfor -%}
{%- endmacro -%}
{%- set header -%}
  Tools ({{ tools | length }}):
{% endset -%}
{{ header | trim | upper }}
{{ render_tools(tools) }}
{%- for message in messages if message.role != 'system' %}
{%- if message.content is none %}{% continue %}{% endif %}
{%- if loop.index > 3 %}{% break %}{% endif %}
[{{ loop.index }}/{{ loop.length }} {{ loop.previtem.role if loop.previtem is defined else 'start' }}>{{ loop.nextitem.role | default('end') }}] {{ message.role | capitalize }}: {{ message.content if message.content is string else message.content | map(attribute='text') | select('defined') | join('; ') }}
{%- else %}
nobody
{%- endfor %}
"""

SMALL = {
    "whitespace": "a\n  {% if true %}  \n  b\n  {%- endif +%}\n{%+ if true %} c {% endif %}\n\n{# note #}\n  {#- note -#}  d\n{{ 1 -}}   \n  e\n{% raw %}{{ x }}{% endraw %}\nf  {{- 2 }}\n\n",
    "raw": "  {% raw -%}\n {% if %} {{ }}\n  {%- endraw %}\nx",
    "crlf": "a\r\n{% if true %}\r\nb\r{% endif %}\r\nc\r\n",
    "numbers": "{{ 7 // 2 }} {{ -7 // 2 }} {{ 7 % 3 }} {{ -7 % 3 }} {{ 7 / 2 }} {{ 8 / 2 }} {{ 2 ** 10 }} {{ 2 ** -1 }} {{ -2 ** 2 }} {{ 1.5 + 1 }} {{ 1e20 }} {{ 1e-5 }} {{ 0.1 + 0.2 }} {{ 1e16 }} {{ 123456789.125 }} {{ 1_000 }} {{ 7.0 // 2 }} {{ -7.5 % 2 }} {{ 3 * 'ab' }} {{ [1] * 3 }} {{ true + 1 }} {{ 2 * 3 ~ 4 }} {{ 10 - 2 - 3 }}",
    "logic": "{{ 1 < 2 < 3 }} {{ 3 > 2 > 2 }} {{ not 1 in [1] }} {{ 2 not in [1] }} {{ 'a' in 'cat' }} {{ 'x' in {'x': 1} }} {{ 0 or 'b' }} {{ '' and 'c' }} {{ none == none }} {{ 1 == 1.0 }} {{ '1' == 1 }} {{ [1, 2] == [1, 2] }} {{ (1, 2) == [1, 2] }} {{ {'a': 1} == {'a': 1.0} }} {{ nothing == missing }} {{ 'a' < 'b' }} {{ [1, 2] < [1, 3] }} {{ 'x' if false }}|{{ true if 1 else 2 if 0 else 3 }}",
    "printing": "{{ none }} {{ true }} {{ [1, 'a', none, 2.0, \"it's\", 'q\"q', '\\n\\t\\\\'] }} {{ {'a': [1, {'b': ()}], 2: (1,)} }} {{ (1, 'x') }} {{ '' }} {{ nothing }} {{ 'caf\\u00e9 \\x41 \\101 \\q' }} {{ 'a' 'b' }}",
    "slices": "{{ 'h\u00e9llo w\u00f6rld'[1:4] }} {{ 'h\u00e9llo'[::-1] }} {{ [1,2,3,4,5][1:-1] }} {{ [1,2,3,4,5][::-2] }} {{ [1,2,3][5:] }} {{ [1,2,3][-2:] }} {{ [1,2,3][:-5] }} {{ 'abc'[-1] }} {{ [1,2,3][-1] }} {{ (1,2,3)[1:] }} {{ 'abc'[5] }}| {{ [1,2,3,4][3:0:-1] }} {{ [1,2][9:-9:-1] }}",
    "strings": "{{ '  a b  '.strip() }}|{{ 'xxaxx'.strip('x') }}|{{ 'xxaxx'.lstrip('x') }}|{{ 'a,b,,c'.split(',') }}|{{ ' a  b c '.split() }}|{{ 'a b c'.split(' ', 1) }}|{{ ' a b  c '.split(none, 1) }}|{{ ' a b  c '.rsplit(none, 1) }}|{{ 'a.b.c'.rsplit('.', 1) }}|{{ 'abc'.startswith('ab') }}|{{ 'abc'.endswith(('x', 'c')) }}|{{ 'aXbX'.replace('X', '--') }}|{{ 'aXbX'.replace('X', '-', 1) }}|{{ 'abc'.replace('', '.') }}|{{ 'abcabc'.find('c') }}|{{ 'abcabc'.rfind('c') }}|{{ '\u00e9\u00e9c'.find('c') }}|{{ 'abc'.find('z') }}|{{ 'aaa'.count('a') }}|{{ ', '.join(['a', 'b']) }}|{{ 'hello WORLD'.title() }}|{{ 'hELLO'.capitalize() }}|{{ 'a\\nb\\r\\nc'.splitlines() }}|{{ '12'.isdigit() }}|{{ 'a1'.isalpha() }}|{{ '{} and {0}{{}}'.format('x') if false else '{}-{name}'.format('x', name=3) }}|{{ '%s is %d, %.2f' % ('x', 3, 1.5) }}|{{ 'ab'.upper() }}|{{ 'AB'.lower() }}|{{ 'prefix'.removeprefix('pre') }}|{{ ' \u00a0\u3000x\u2003 '.strip() }}|{{ 'AbC'.isupper() }}",
    "filters": "{{ ' x '|trim }}|{{ [3,1,2]|sort }}|{{ ['b','A','c']|sort }}|{{ [3,1,2]|sort(reverse=true) }}|{{ [1,2,3]|join('-') }}|{{ [{'a':1},{'a':2}]|join(',', attribute='a') }}|{{ missing|default('d') }}|{{ ''|default('d') }}|{{ ''|default('d', true) }}|{{ none|d('z') }}|{{ [1,2]|first }}{{ [1,2]|last }}{{ []|first }}|{{ 'abc'|list }}|{{ 'abc'|length }}|{{ {'b':1,'a':2}|dictsort }}|{{ {'b':1,'a':2}|items|list }}|{{ 'a-b c(d'|title }}|{{ 'hELLO w'|capitalize }}|{{ '3.7'|int }}|{{ 'x'|int(9) }}|{{ 3.9|int }}|{{ '2.5'|float }}|{{ -3|abs }}|{{ 2.567|round(2) }}|{{ 2.5|round }}|{{ 2.1|round(0, 'ceil') }}|{{ [1,2,3]|sum }}|{{ [1,2,2,1]|unique|list }}|{{ ['a','A']|unique|list }}|{{ [1,2,3]|reverse|list }}|{{ 'abc'|reverse }}|{{ [1,2,3]|map('string')|list }}|{{ [0,1,2]|select|list }}|{{ [1,2,3,4]|reject('even')|list }}|{{ [{'a':1},{'b':2}]|selectattr('a')|list }}|{{ [{'a':{'b':5}}]|map(attribute='a.b')|list }}|{{ [1,3,2]|max }}{{ [3,1]|min }}|{{ '<a&\"b>'|e }}|{{ 'a\\nb\\n\\nc'|indent }}|{{ 'a\\nb'|indent(2, true) }}|{{ '%s-%s'|format(1, 'x') }}|{{ 'a b'|replace(' ', '_') }}|{{ 5|string ~ 1 }}|{{ missing|length }}",
    "json": "{{ {'a': [1, 2.5, none, true], 'b': 'caf\u00e9 \"q\" \\\\ \\n \\u0001 </x>', 'c': {}} | tojson }}|{{ [1, [], {'x': [2]}] | tojson(indent=2) }}|{{ {'b': 1, 'a': 2} | tojson(sort_keys=true) }}|{{ 'caf\u00e9 \U0001f600' | tojson(ensure_ascii=true) }}|{{ {1: 2, true: 3} | tojson }}|{{ {'a': 1, 'b': [1]} | tojson(separators=(',', ':')) }}|{{ 1e16 | tojson }} {{ 100.0|tojson }}|{{ (1, 2)|tojson }}|{{ {'a': 1} | tojson(none, 1) }}",
    "tests": "{{ 1 is number }}{{ 'a' is string }}{{ [] is sequence }}{{ {} is mapping }}{{ none is none }}{{ x is undefined }}{{ true is boolean }}{{ 1 is boolean }}{{ true is integer }}{{ 1.0 is float }}{{ 3 is odd }}{{ 4 is divisibleby 2 }}{{ 4 is not divisibleby(3) }}{{ 1 is eq 1 }}{{ 2 is gt(1) }}{{ 'A' is upper }}{{ 'a' is lower }}{{ 1 is in [1, 2] }}{{ false is false }}{{ 0 is false }}{{ 'x' is iterable }}{{ 1 is iterable }}{{ true is sameas true }}{{ not 1 is none }}{{ 1 is defined and 2 is defined }}",
    "scopes": "{% set x = 1 %}{% for i in [1, 2] %}{% set x = x + i %}{{ x }}{% endfor %}{{ x }}{% if true %}{% set x = 9 %}{% endif %}{{ x }}{% set a, b = 1, 2 %}{{ a + b }}{% set (c, d) = (3, 4) %}{{ c }}{{ d }}{% set ns = namespace(n=0) %}{% for i in range(4) %}{% set ns.n = ns.n + i %}{% endfor %}{{ ns.n }}{% with y = 5, z = 6 %}{{ y * z }}{% endwith %}{{ y is defined }}{% for i in range(3) %}{% for j in range(2) %}{{ loop.index }}{{ loop.revindex0 }}{{ loop.depth }}{% endfor %}{{ loop.cycle('a', 'b') }}{% endfor %}{% macro m(a, b=2) %}{{ a }}{{ b }}{{ x }}{% endmacro %}{{ m(1) }}{{ m(1, b=3) }}{{ m(b=1, a=0) }}{{ m() }}{% set x = 7 %}{{ m(1) }}{% filter upper %}abc{{ x }}{% endfilter %}{% set t | trim | upper %} q {% endset %}[{{ t }}]",
    "loops": "{% for k in {'a': 1, 'b': 2} %}{{ k }}{% endfor %}{% for k, v in {'a': 1}.items() %}{{ k }}={{ v }}{% endfor %}{% for c in 'xyz' %}{{ c }}{{ '' if loop.last else ',' }}{% endfor %}{% for i in [] %}{% else %}empty{% endfor %}{% for i in range(5, 0, -2) %}{{ i }}{% endfor %}{% for i in range(10) if i % 3 == 0 %}{{ loop.index }}:{{ i }}/{{ loop.length }} {% endfor %}{% for i in range(10) %}{% if i == 2 %}{% continue %}{% elif i == 5 %}{% break %}{% endif %}{{ i }}{% endfor %}{% for a, b in [(1, 2)] %}{{ a }}{{ b }}{% endfor %}{% for x in missing %}{{ x }}{% endfor %}",
    "attributes": "{{ {'a': {'b': 1}}.a.b }}{{ {'items': 5}['items'] }}{{ {'a': 1}.get('b', 2) }}{{ {'a': 1}.get('b') }}{{ {'a': 1}.b }}|{{ 'x'.missing }}|{{ [[1, 2], [3]].0.1 }}{{ {'a': 1}.keys()|list }}{{ {'a': 1}.values()|list }}{{ [1, 2, 1].count(1) }}{{ [1, 2].index(2) }}{{ dict(a=1, b=2) }}{{ {1: 'x', '1': 'y'}[1] }}{{ {true: 'x'}[1] }}",
    "positions": "{{ 'abc'.startswith('b', 1) }} {{ 'abc'.startswith('', 4) }} {{ 'abc'.endswith('b', 0, 2) }} {{ 'abcabc'.find('a', 1) }} {{ 'abc'.find('', 5) }} {{ 'abc'.find('', 3) }} {{ 'abc'.find('c', none, none) }} {{ 'abc'.rfind('b', -2, -1) }} {{ '\u00e9a\u00e9a'.rfind('\u00e9') }} {{ 'abcb'.count('b', 2) }} {{ 'abc'.count('', 1) }} {{ 'abc'.count('', 4) }} {{ 'a--b--c'.rsplit('--', 1) }} {{ 'aaa'.rsplit('aa') }} {{ 'aaa'.split('aa') }} {{ 'a\\nb\\r\\n'.splitlines(true) }} {{ 'abc'.splitlines(keepends=true) }}",
    "replace": "{{ 'abcd'.replace('', '-', 1) }} {{ 'abcd'.replace('', '-', 0) }} {{ 'abcd' | replace('', '-', 2) }} {{ 'ab'.replace('', '-', 9) }} {{ ''.replace('', '-') }} {{ '\u00e9'.replace('', '-', -1) }}",
    "bodies": "{% set ns = namespace() %}{% set ns.x %}hi{% endset %}{% set ns.y | upper %}hi{% endset %}{{ ns.x }}{{ ns.y }}{% set x %}{% set y = 1 %}{% endset %}[{{ y }}]{% filter upper %}{% set y = 1 %}{% endfilter %}[{{ y }}]{% for i in [] %}{% else %}{% set y = 1 %}{% endfor %}[{{ y }}]{% generation %}{% set y = 1 %}{% endgeneration %}[{{ y }}]{% for i in [1] %}{% set q %}{% set i = 5 %}{{ i }}{% endset %}{{ i }}{{ q }}{% endfor %}",
    "jumps": "{% for i in [1, 2] %}{% set z %}x{% break %}{% endset %}{{ i }}{% endfor %}|{% for i in [1, 2, 3] %}{% set z %}x{% if i == 2 %}{% continue %}{% endif %}{% endset %}{{ z }}{{ i }}{% endfor %}|{% for i in [1, 2] %}{% filter upper %}a{% break %}{% endfilter %}{{ i }}{% endfor %}|{% for i in [1, 2] %}{% for j in [] %}{% else %}b{% break %}{% endfor %}{{ i }}{% endfor %}",
    "rounding": "{{ 7 | round }} {{ 7 | round(0, 'floor') }} {{ 15 | round(-1) }} {{ 25 | round(-1) }} {{ 5 | round(-400) }} {{ 1.115 | round(2) }} {{ 2.675 | round(2) }} {{ 1e300 | round(2) }} {{ 1.5 | round }} {{ -0.4 | round }} {{ 1234.5678 | round(-2) }} {{ 1250.0 | round(-2) }} {{ 1e22 | round(-22) }} {{ 5e-324 | round(320) }} {{ 2.5 | round(400) }} {{ 1.115 | round(2, 'ceil') }} {{ 1.21 | round(1, 'floor') }} {{ -0.4 | round(0, 'ceil') }} {{ true | round }} {{ 1.5 | round(none) }}",
    "floats": "{{ '0x1f' | float }} {{ 'inf' | float }} {{ '-Infinity' | float }} {{ '+nan' | float }} {{ 'infinit' | float }} {{ '1_0.5_0' | float }} {{ '1_e3' | float }} {{ '1._5' | float }} {{ '.5' | float }} {{ '5.' | float }} {{ '.' | float }} {{ '1e' | float }} {{ '+-1' | float }} {{ '1e400' | float }} {{ '-1e400' | float }} {{ '1e-400' | float }} {{ '' | float(2) }} {{ '-0' | float }} {{ '1e1_0' | float }} {{ none | float }} {{ true | float }}",
    "integers": "{{ '0x1f' | int }} {{ '1_000' | int }} {{ '1__0' | int }} {{ '_1' | int }} {{ '1_' | int(5) }} {{ ' +7 ' | int }} {{ '- 7' | int }} {{ '++1' | int }} {{ 'inf' | int(3) }} {{ 'nan' | int(4) }} {{ '1e3' | int }} {{ '-42.9' | int }} {{ '00012' | int }} {{ 'ff' | int(0, 16) }} {{ '-0xff' | int(0, 16) }} {{ '0b101' | int(0, 2) }} {{ '17' | int(base=8) }} {{ '012' | int(7, 0) }} {{ '0x1f' | int(7, 0) }} {{ 'zz' | int(7, 36) }} {{ '1.5' | int(3, 16) }} {{ 5 | int(0, 16) }} {{ none | int }} {{ [] | int(3) }} {{ true | int }}",
    "percent": "{{ '%.3s|%.3d|%.3r|%.2x|%.0f|%.10f|%.3i|%.s|%.f' % ('abcdef', 7, 'abcdef', 10, 2.5, 0.1, -5, 'abc', 2.5) }} {{ '%d|%i|%x|%.2f|%.3d|%f|%%' % (3.99, -3.99, -255, 3, 1.5, 1) }} {{ '%.3s' % 'h\u00e9llo' }}",
    "exact": "{{ 9007199254740993 == 9007199254740992.0 }} {{ 9007199254740993 > 9007199254740992.0 }} {{ 9223372036854775807 < 9223372036854775808.0 }} {{ [9007199254740993, 9007199254740992.0] | sort }} {{ [3, 1.5, 2] | sort }} {{ 'nan' | float < 1 }} {{ 1 <= 'nan' | float }} {{ 'nan' | float == 'nan' | float }} {{ [1, 'nan' | float] < [1, 2] }} {{ [1, 'nan' | float] | min }} {{ {9007199254740993: 1}.get(9007199254740992.0) }} {{ {1.0: 2}[1] }} {{ u in {'a': 1} }} {{ ('a',) in {'a': 1} }} {{ [{'a': 1, 'b': 2}, {'a': 1, 'b': 1}] | sort(attribute='a', reverse=true) }}",
    "cases": "{{ 'stra\u00dfe \u00dcBER \u01c6 \ufb01n \u0130' | upper }} {{ 'STRASSE \u00dcBER \u039f\u0394\u039f\u03a3 \u0130 \u03a3' | lower }} {{ '\u00fcBER \u00dc' | capitalize }} {{ '\u01c6UR \u00c9T\u00c9'.capitalize() }} {{ '\u00e9t\u00e9 \u00c9T\u00c9-\u00fc(\u00e4 \u01c6x' | title }} {{ '\u00e9t\u00e9\u2014\u00e9t\u00e9 it\\'s \u01c6X 3\u00fc\u00dc \ufb01x' .title() }} {{ '\u00c9'.isupper() }}{{ '\u00e9' is lower }}{{ '\u01c5'.isupper() }}{{ '\u01c5' is lower }}{{ '\u4e2d' is upper }} {{ '\u2014'.isalpha() }}{{ '\u00e9\u4e2d'.isalpha() }}{{ '\u00b2'.isdigit() }}{{ '\u00b2'.isdecimal() }}{{ '\u0663'.isdecimal() }}{{ '\u00bd'.isnumeric() }}{{ '\u00bd'.isdigit() }}{{ 'a\u00bd'.isalnum() }}{{ '\u20ac'.isalnum() }} {{ ['\u00dc', '\u00f6', '\u00fc', '\u00d6'] | sort }} {{ ['\u00c4', '\u00e4'] | unique | list }}",
    "quotients": "{{ 1 // 0.1 }} {{ 1 % 0.1 }} {{ -4.0 % 2 }} {{ 4.0 % -2 }} {{ -1 // 0.1 }} {{ 7.5 // -2 }} {{ 7.5 % -2 }} {{ 0.0 // -3 }} {{ -3 // 1e308 }} {{ 1e308 // 3 }} {{ 0.3 // 0.1 }} {{ -0.0 // 1 }}",
    "marks": "{{+ 'a' }}|{{+'b'}}|{{ +true }}",
    "nothing": "{{ none | selectattr('a') | list }} {{ none | map(attribute='a') | list }} {{ false | reject('odd') | list }} {{ 0 | rejectattr('a', 'eq', 1) | list }}",
    "unused": "{{ 'a' % [1] }} {{ 'x' % {} }} {{ 'x' % nothing }} {{ '%s' % [1] }} {{ '%s %%' % {'a': 1} }} {{ '100%%' % [] }}",
    "missing": "{{ [1, 2] | sort(attribute='role') }} {{ [none, none] | sort }} {{ [{'a': none, 'b': 2}, {'a': none, 'b': 1}] | sort(attribute='a,b') }}",
    "remainders": "{{ 2.0 is divisibleby(2) }} {{ 2.5 is divisibleby(2) }} {{ 3 is divisibleby 1.5 }} {{ 2.0 is even }} {{ 3.0 is odd }} {{ -3.0 is odd }} {{ -1.5 is odd }} {{ -3 is odd }} {{ 0.5 is even }} {{ true is odd }} {{ 'inf' | float is even }}",
    "bases": "{{ 0x1F }} {{ 0Xf_f }} {{ 0b1 }} {{ 0B_1_0 }} {{ 0o7 }} {{ 0x_1f }} {{ 1_000 }} {{ 00 }} {{ 0_0 }} {{ 012.5 }} {{ 1_0.2_5e1_0 }} {{ 0x1Fif true }} {{ [0x7fffffffffffffff, -0x10] }}",
    "targets": "{% for i, (a, b) in [(1, (2, 3))] %}{{ i }}{{ a }}{{ b }}{% endfor %} {% for (k, (a, (b, c))) in [['x', ['y', 'zw']], [1, [2, 'ab']]] if c != 'q' %}{{ k }}{{ a }}{{ b }}{{ c }} {% endfor %}{% set a, (b, c,) = 1, [2, 3] %}{{ a }}{{ b }}{{ c }} {% for (a,) in [[1], [2]] %}{{ a }}{% endfor %} {% for k, (a, b) in {'x': (1, 2)}.items() %}{{ k }}{{ a }}{{ b }}{% endfor %} {% set (a) = 7 %}{{ a }}",
    "changed": "{% for i in [1, 1, 2, 2.0, 'a', 'a', none] %}{{ loop.changed(i) }} {% endfor %}{% for i in [1, 2] %}{% for j in [1, 1, 2] %}{{ loop.changed(j, i) }} {% endfor %}{{ loop.changed() }} {% endfor %}",
    "orders": "{{ [{'a': 2, 'b': 'x'}, {'a': 1, 'b': 'Y'}, {'a': 1, 'b': 'x'}] | sort(attribute='a,b') }} {{ [{'a': 2, 'b': 'x'}, {'a': 1, 'b': 'Y'}, {'a': 1, 'b': 'y'}] | sort(attribute='a,b', reverse=true) }} {{ [[2, 1], [1, 2], [1, 1]] | sort(attribute='0,1') }} {{ [[2], [1]] | sort(attribute=0) }}",
    "sums": "{{ [[1], [2, 3], []] | sum(start=[]) }} {{ [{'a': [1]}, {'a': ['b']}] | sum('a', [0]) }} {{ [(1,), (2,)] | sum(start=()) }} {{ [] | sum(start=[4]) }}",
    "json indents": "{{ {'a': [1, {}], 'b': {'c': 2}} | tojson(indent='\\t') }}|{{ [1, [2]] | tojson(indent='') }}|{{ [1, [2]] | tojson(indent=-1) }}|{{ [1] | tojson(indent=0) }}|{{ [1] | tojson(indent=true) }}|{{ [1, 2] | tojson(indent='--', separators=(';', '=')) }}",
    "json keys": "{{ {10: 'a', 9: 'b', 2.5: [], -1: 0, true: 1} | tojson(sort_keys=true) }} {{ {'b': 1, 'B': 2, '\u00e9': 3, 'z': 4, '\U0001f600': 5, '\uffee': 6} | tojson(sort_keys=true) }} {{ {none: {2: 1, 1: 2}} | tojson(sort_keys=true) }} {{ {10: 1, 'a': 2, none: 3, 1.5: 4} | tojson }}",
    "unprintable": "{{ ['\u200b', '\u00a0', '\u00ad', '\u2028', '\u3000', '\ufeff', '\ue000', '\U000e0001', '\U0010ffff', '\u0085', '\x7f', '\x01', '\u00e9', '\u4e2d', '\U0001f600', '\u0301', ' '] }} {{ {'\u200b': '\u200d'} }} {{ '%r' % '\u200b' }} {{ '\u200b' }}",
    "constant slices": "{{ none[1:] }}|{{ 1[:] ~ 2.0 }}|{{ true[::0] is undefined }}|{{ 'ab'[1:] }}{{ (1, 2)[:1] }}",
    "paths": "{{ [{'a': {}}, {'a': {'b': 1}}, {}] | map(attribute='a.b', default='x') | list }} {{ [{}] | map(attribute='a', default=none) | list }} {{ [1, 2] | join('-', attribute=none) }} {{ ['c'] | max(attribute='n') }} {{ [{'a': 1}] | min }} {{ missing is callable }}",
    "letters": "{{ {'a': 1} is lower }} {{ true is lower }} {{ 1 is upper }} {{ ['A'] is upper }} {{ missing is lower }}",
    "line ends": "{{ 'a\\r\\nb\\rc\\u2028d\\n\\ne\\n' | indent }}|{{ 'a\\r\\n\\r\\nb' | indent(2, true, true) }}|{{ '' | indent }}|{{ 'a\\n' | indent(1, blank=true) }}|",
}

weather = {
    "type": "function",
    "function": {
        "name": "weather",
        "description": "Tells the weather at a place.",
        "parameters": {
            "type": "object",
            "properties": {
                "place": {"type": "string", "description": "a town \u2013 or \"city\""},
                "days": {"type": "array", "items": {"type": "integer"}},
                "unit": {"type": ["string", "null"], "enum": ["C", "F"]},
            },
            "required": ["place"],
        },
    },
}
plain = [
    {"role": "user", "content": " What is 2 + 2? \n"},
    {"role": "assistant", "content": "Four. \u00dcber \U0001f600 <b>&amp;</b>\n"},
    {"role": "user", "content": "And\nthen?"},
]
system = [{"role": "system", "content": "You are\n  brief. "}, *plain]
thinking = [
    *plain[:1],
    {"role": "assistant", "content": "<think>\nhm\n</think>\n\nFour."},
    {"role": "user", "content": "Sure?"},
    {"role": "assistant", "content": "<think>\nyes\n</think>\n\nYes."},
]
calls = [
    system[0],
    {"role": "user", "content": "Rain in K\u00f6ln?"},
    {"role": "assistant", "content": None, "tool_calls": [{"type": "function", "id": "abc123", "function": {"name": "weather", "arguments": {"place": "K\u00f6ln", "days": [1, 2]}}}]},
    {"role": "tool", "name": "weather", "content": "{\"rain\": true}"},
]
parts = [{"role": "user", "content": [{"type": "image"}, {"type": "text", "text": " See? "}]}, {"role": "assistant", "content": "Yes."}]
wrong = [{"role": "assistant", "content": "I begin."}, {"role": "assistant", "content": "Again."}]
unknown = [{"role": "narrator", "content": "Once"}]

STYLES = {"llama3": LLAMA3, "qwen": QWEN, "mistral": MISTRAL, "zephyr": ZEPHYR, "chatml": CHATML, "gemma": GEMMA, "phi": PHI, "deepseek": DEEPSEEK, "macros": MACROS}
CHATS = {"plain": plain, "system": system, "thinking": thinking, "calls": calls, "parts": parts, "wrong": wrong, "unknown": unknown}


def case(name, template, variables):
    try:
        return {"name": name, "variables": variables, "text": env.from_string(template).render(**variables)}
    except Exception as error:
        return {"name": name, "variables": variables, "error": type(error).__name__}


styles = {}
for style, template in STYLES.items():
    cases = []
    for chat, messages in CHATS.items():
        for tools in [None, [weather, weather]]:
            for prompt in [True, False]:
                if (tools or not prompt) and chat not in ("plain", "calls"):
                    continue
                more = {"enable_thinking": False} if chat == "system" else {}
                variables = {"messages": messages, "tools": tools, "add_generation_prompt": prompt, "bos_token": "<s>", "eos_token": "</s>", **more}
                made = case(f"{style}/{chat}{'/tools' if tools else ''}{'/prompt' if prompt else ''}", template, variables)
                made["variables"] = {"messages": chat, "tools": bool(tools), "add_generation_prompt": prompt, **more}
                cases.append(made)
    styles[style] = {"template": template, "cases": cases}

small = {name: {"template": template, **case(name, template, {})} for name, template in SMALL.items()}
for entry in small.values():
    assert "text" in entry, entry
    del entry["name"], entry["variables"]
path = pathlib.Path(__file__).with_name("chat_template.json")
path.write_text(json.dumps({"now": NOW, "chats": CHATS, "tools": [weather, weather], "styles": styles, "small": small}, indent=1, ensure_ascii=False) + "\n")
print(sum(len(s["cases"]) for s in styles.values()), "cases;", sum("error" in c for s in styles.values() for c in s["cases"]), "refused")
