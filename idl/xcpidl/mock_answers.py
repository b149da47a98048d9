# SPDX-License-Identifier: LGPL-2.1-or-later
"""What a mock answers: made up, given, or remembered."""
import json
import re

from . import values
from .command_arguments import find_member
from .problem import Problem

KEYS = {'result', 'results', 'error', 'fields', 'message', 'delay', 'emit', 'remember', 'forget', 'recall',
        'recall_all', 'otherwise', 'value', 'answers'}
ARGUMENT = re.compile(r'\$(\w+)')


class Answer:
    """To one call. results and fields have all that the interface says."""

    def __init__(self):
        self.results, self.error, self.fields, self.message = {}, '', {}, ''
        self.delay, self.emit = 0, {}

    def shown(self):
        if self.error:
            return {'error': self.error, 'fields': self.fields}
        return {'results': self.results}


def fill_in(value, given):
    """With arguments for "$name"; within a longer text they are text."""
    if isinstance(value, dict):
        return {fill_in(key, given) if isinstance(key, str) else key: fill_in(item, given)
                for key, item in value.items()}
    if isinstance(value, list):
        return [fill_in(item, given) for item in value]
    if not isinstance(value, str):
        return value
    whole = ARGUMENT.fullmatch(value)
    if whole and whole[1] in given:
        return given[whole[1]]
    return ARGUMENT.sub(lambda match: _text(given, match), value)


def _text(given, match):
    if match[1] not in given:
        return match[0]
    value = given[match[1]]
    return value if isinstance(value, str) else json.dumps(value)


class Answers:
    def __init__(self, service):
        self.service, self.rules, self.counts = service, {}, {}
        self.memory, self.values = {}, {}

    def name_of(self, interface, member):
        short = self.service.short_name(interface)
        return f'{short}.{member.name}' if short else member.name

    def add(self, rules, where):
        """rules: {name of a member: rule}; they take the place of older ones."""
        if not isinstance(rules, dict):
            raise Problem(f'{where}: answers are an object', 'such as {"Login": {"result": "1"}}')
        for name, rule in rules.items():
            try:
                interface, member = find_member(self.service, name)
                self.check(member, rule)
            except Problem as problem:
                raise Problem(f'{where}: {name}: {problem.message}', problem.remedy) from None
            if 'value' in rule:
                self.set_property(interface, member, rule['value'])
            self.rules[self.name_of(interface, member)] = rule
            self.counts[self.name_of(interface, member)] = 0

    def check(self, member, rule):
        """What can be known before the first call: names, and values that need no argument."""
        if not isinstance(rule, dict) or not set(rule) <= KEYS:
            raise Problem('this is not an answer', 'it is an object with some of: ' +
                          ', '.join(sorted(KEYS)))
        for inner in rule.get('answers', []) + ([rule['otherwise']] if 'otherwise' in rule else []):
            self.check(member, inner)
        if hasattr(member, 'access'):
            values.Encoder(_Anything).encode(rule.get('value'), member.type, member.name)
            return
        for name, arguments in rule.get('emit', {}).items():
            self.arguments(find_member(self.service, name, ('signals',))[1], arguments, {})
        if '$' in json.dumps(rule) or 'recall' in rule or 'recall_all' in rule or 'error' in rule:
            return
        results = self.results(member, rule, {})
        for arg in member.outputs:
            values.Encoder(_Anything).encode(results[arg.name], arg.type, arg.name)

    # ---- methods ----
    def to(self, interface, method, given):
        """The Answer to a call with these arguments."""
        name = self.name_of(interface, method)
        rule = self.rules.get(name, {})
        if 'answers' in rule:
            turn = min(self.counts[name], len(rule['answers']) - 1)
            self.counts[name] += 1
            rule = {**rule, **rule['answers'][turn]}
        if 'recall' in rule and fill_in(rule['recall'], given) not in self.memory:
            if 'otherwise' not in rule:
                raise Problem(f'{name}: there is no {fill_in(rule["recall"], given)}')
            rule = rule['otherwise']
        answer = self.made(method, rule, given)
        for key, value in rule.get('remember', {}).items() if not answer.error else ():
            self.memory[fill_in(key, given)] = fill_in(value, given)
        if 'forget' in rule and not answer.error:
            self.memory.pop(fill_in(rule['forget'], given), None)
        return answer

    def made(self, method, rule, given):
        answer = Answer()
        answer.delay, answer.emit = rule.get('delay', 0), rule.get('emit', {})
        if 'error' not in rule:
            answer.results = self.results(method, rule, given)
            return answer
        answer.error, answer.message = rule['error'], fill_in(rule.get('message', ''), given)
        error = self.service.errors.get(rule['error'])
        if error:
            answer.fields = self.complete(error.fields, fill_in(rule.get('fields', {}), given),
                                          f'error {error.name}')
        elif '.' not in rule['error']:
            raise Problem(f'there is no error "{rule["error"]}"',
                          'there are: ' + ', '.join(self.service.errors))
        return answer

    def results(self, method, rule, given):
        found = fill_in(rule.get('results', {}), given)
        single = [key for key in ('result', 'recall', 'recall_all') if key in rule]
        if single:
            if not method.outputs:
                raise Problem(f'{method.name} has no result')
            found = {**found, method.outputs[0].name: self.single(single[0], rule, given)}
        return self.complete(method.outputs, found, method.name)

    def single(self, key, rule, given):
        value = fill_in(rule[key], given)
        if key == 'recall':
            return self.memory[value]
        if key == 'recall_all':
            return [item for name, item in self.memory.items() if name.startswith(value)]
        return value

    def arguments(self, item, arguments, given):
        """Of a signal."""
        return self.complete(item.args, fill_in(arguments, given), f'signal {item.name}')

    def complete(self, args, known, where):
        """What is not given is made up."""
        if not isinstance(known, dict):
            raise Problem(f'{where}: values stand in an object, by name')
        names = [arg.name for arg in args]
        for name in known:
            if name not in names:
                raise Problem(f'{where} has no "{name}"', 'there are: ' + ', '.join(names))
        return {arg.name: known[arg.name] if arg.name in known else values.example(arg.type, arg.name)
                for arg in args}

    # ---- properties ----
    def property(self, interface, item):
        name = self.name_of(interface, item)
        if name not in self.values:
            self.values[name] = values.example(item.type, item.name.lower())
        return self.values[name]

    def set_property(self, interface, item, value):
        self.values[self.name_of(interface, item)] = value


class _Anything:
    """In the place of the binding's Variant, when values are only looked at."""

    def __init__(self, signature, value):
        self.signature, self.value = signature, value
