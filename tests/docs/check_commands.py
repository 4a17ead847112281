#!/usr/bin/env python3
"""Every command of the project's programs that the documentation shows exists: its subcommands, and its flags.

usage: tests/docs/check_commands.py PROGRAMS FILE.md...

  PROGRAMS   folder of mnemectl, mnemed, ...; a program that is not there is named, and fails

Commands are lines of code blocks that begin with a program's name (variables before it, a pipe or `$ ` too), and inline code that
does. What they say is held against what the program itself says with --help. Whether they work is another test's (run_page).
"""
import functools
import pathlib
import re
import shlex
import subprocess
import sys

PROGRAMS = {"mnemectl", "mnemed", "mneme-lab", "mneme-bench", "mneme-demo"}
SEPARATORS = {"|", "||", "&&", ";", "&", ">", ">>", "2>", "<", "<<", "(", ")", ">|"}
# In no help: for tests of faults.
HIDDEN = {"--debug.fail_points"}
# What stands for words of the reader's.
ELLIPSIS = re.compile(r"^(\.\.\.|…)$|\.\.\.$")


@functools.cache
def text_of(*command):
    """What it prints; None where it fails."""
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    return done.stdout if done.returncode == 0 else None


def help_of(program, *subcommands):
    return text_of(program, *subcommands, "--help")


def subcommands_of(text):
    """Names under the headings that list commands."""
    names, inside = set(), False
    for line in text.splitlines():
        if re.match(r"^(Subc|C|[A-Za-z ]+ c)ommands:", line):
            inside = True
        elif inside and (match := re.match(r"^  ([a-z][a-z-]*)( |$)", line)):
            names.add(match.group(1))
        elif inside and line and not line.startswith(" "):
            inside = False
    return names


def flags_of(text):
    return set(re.findall(r"(?<![\w-])(-[A-Za-z]|--[A-Za-z][\w.-]*)", text))


def code_of(page):
    """Yields (line number, text) of each line of code and each piece of inline code."""
    fence = None
    lines = page.read_text().splitlines()
    number = 0
    while number < len(lines):
        start, line = number, lines[number]
        number += 1
        if match := re.match(r"^\s*```(\w*)", line):
            fence = None if fence is not None else match.group(1)
            continue
        if fence is not None and fence not in ("", "sh", "console", "bash", "text"):
            continue
        if fence is not None or line.startswith("    "):
            while line.endswith("\\") and number < len(lines):
                line = line[:-1] + " " + lines[number].strip()
                number += 1
            yield start + 1, line.strip().removeprefix("$ ")
        else:
            for piece in re.findall(r"`([^`]+)`", line):
                yield start + 1, piece


def commands_of(text):
    """Words of each command of a line, its redirections aside."""
    lexer = shlex.shlex(text, posix=True, punctuation_chars="|&;<>()")
    lexer.whitespace_split = True
    lexer.commenters = "#"
    try:
        words = list(lexer)
    except ValueError:
        return
    command = []
    for word in words + [";"]:
        if word in SEPARATORS:
            if command:
                yield command
            command = []
        elif command or not re.match(r"^[A-Za-z_]\w*=|^!$|^(do|then|until|while|if|exec|time|sudo)$", word):
            command.append(word)


def complaint_of(words, folder):
    name = pathlib.PurePath(words[0]).name
    program = str(folder / name)
    if not pathlib.Path(program).exists():
        return f"no program {name} in {folder}"
    path, known = [], help_of(program)
    if known is None:
        return f"{name} has no --help"
    if name == "mneme-lab" and words[1] not in ("list", "help") and not words[1].startswith("-"):
        own = text_of(program, "help", words[1])
        if own is None:
            return f"mneme-lab has no experiment {words[1]}"
        known += own
    flags, names = flags_of(known) | HIDDEN, subcommands_of(known)
    skip = False
    for word in words[1:]:
        if skip:
            skip = False
        elif ELLIPSIS.search(word) and not word.startswith("-"):
            continue
        elif word.startswith("-") and re.match(r"^--?[A-Za-z]", word):
            flag = word.split("=")[0]
            if flag not in flags:
                return f"{' '.join([name, *path])} has no {flag}"
            # A value of its own, before the subcommand.
            skip = "=" not in word and bool(names) and not re.search(re.escape(flag) + r"(?![\w.-])( |,[^ ]* )( |$)", known)
        elif names:
            if word.isupper():
                break  # SUBCOMMAND and the like stand for any
            if word not in names:
                if path or word.islower():
                    return f"{' '.join([name, *path])} has no command {word}"
                break
            path.append(word)
            own = help_of(program, *path)
            if own is None:
                return f"{' '.join([name, *path])} --help fails"
            flags |= flags_of(own)
            names = subcommands_of(own)
    return None


def main():
    if len(sys.argv) < 3 or sys.argv[1] in ("-h", "--help"):
        print(__doc__.strip())
        return 0 if len(sys.argv) == 2 else 2
    folder = pathlib.Path(sys.argv[1])
    checked, wrong = 0, []
    for page in map(pathlib.Path, sys.argv[2:]):
        for number, text in code_of(page):
            for words in commands_of(text):
                if pathlib.PurePath(words[0]).name not in PROGRAMS or len(words) == 1:
                    continue
                checked += 1
                if complaint := complaint_of(words, folder):
                    wrong.append(f"{page}:{number}: {complaint}: {' '.join(words)}")
    print(f"{checked} commands in {len(sys.argv) - 2} pages, {len(wrong)} wrong")
    print("\n".join(wrong))
    return 1 if wrong or checked == 0 else 0


if __name__ == "__main__":
    sys.exit(main())
