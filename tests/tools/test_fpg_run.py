# SPDX-License-Identifier: BSD-2-Clause
"""fpg-run returns what the payload says, whatever the simulator does around it. Simulators here are shell scripts."""
import os
import signal
import subprocess
import time
import unittest

FPG_RUN = "tools/fpg-run"


def run(script, timeout=None, env=None, stdin=subprocess.DEVNULL):
    """Run a fake simulator; the result has returncode, stdout, stderr and seconds."""
    command = [FPG_RUN] + (["--timeout", str(timeout)] if timeout is not None else []) + ["--", "bash", "-c", script]
    begin = time.monotonic()
    environment = {k: v for k, v in os.environ.items() if k != "TIMEOUT"} | (env or {})
    result = subprocess.run(command, stdin=stdin, capture_output=True, check=False, env=environment)
    result.seconds = time.monotonic() - begin
    return result


def alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    with open(f"/proc/{pid}/stat", encoding="ascii") as stat:
        return stat.read().rsplit(")", 1)[1].split()[0] != "Z"


class ExitLine(unittest.TestCase):
    def test_the_line_decides_not_the_simulators_status(self):
        self.assertEqual(run("echo firstpage: exit 0; exit 7").returncode, 0)
        self.assertEqual(run("echo firstpage: exit 3; exit 0").returncode, 3)

    def test_carriage_returns_and_blanks_at_the_end_do_not_hide_it(self):
        self.assertEqual(run(r"printf 'firstpage: exit 4\r\n'").returncode, 4)
        self.assertEqual(run(r"printf 'x\rfirstpage: exit 5  \r\n'").returncode, 5)

    def test_it_is_found_when_it_arrives_in_pieces(self):
        self.assertEqual(run("printf first; sleep 0.1; printf 'page: ex'; sleep 0.1; echo 'it 12'").returncode, 12)

    def test_it_counts_without_a_newline_when_the_console_ends(self):
        self.assertEqual(run("printf 'firstpage: exit 6'").returncode, 6)

    def test_text_around_it_makes_it_another_line(self):
        self.assertEqual(run("echo 'log: firstpage: exit 0'; echo 'firstpage: exit 0 or so'").returncode, 125)
        self.assertEqual(run("echo 'firstpage: exit '; echo 'firstpage: exit -1'").returncode, 125)

    def test_the_last_of_several_counts(self):
        self.assertEqual(run("echo firstpage: exit 0; echo firstpage: exit 9").returncode, 9)

    def test_a_status_past_255_does_not_become_success(self):
        self.assertEqual(run("echo firstpage: exit 256").returncode, 255)

    def test_a_line_too_long_to_be_one_is_none(self):
        self.assertEqual(run("head -c 100000 /dev/zero | tr '\\0' x; echo 'firstpage: exit 0'").returncode, 125)

    def test_more_of_the_computers_memory_than_allowed_is_a_failure_of_its_own(self):
        script = "head -c 60000000 /dev/zero | tail -c 50000000 >/dev/null; echo firstpage: exit 0"
        large = run(script, env={"HOST_MIB": "20"})
        self.assertEqual(large.returncode, 123)
        self.assertIn(b"20 MiB are allowed", large.stderr)
        self.assertEqual(run(script, env={"HOST_MIB": "2000"}).returncode, 0)
        self.assertEqual(run(script, env={"HOST_MIB": "much"}).returncode, 2)

    def test_bytes_that_are_not_text_do_no_harm(self):
        result = run("head -c 3000000 /dev/urandom; echo; echo firstpage: exit 8")
        self.assertEqual(result.returncode, 8)
        self.assertGreater(len(result.stdout), 3000000)


class Process(unittest.TestCase):
    def test_a_simulator_that_stays_is_ended_two_seconds_after_the_line(self):
        result = run("echo $$; echo firstpage: exit 2; exec sleep 60")
        self.assertEqual(result.returncode, 2)
        self.assertGreater(result.seconds, 1.8)
        self.assertLess(result.seconds, 6)
        self.assertFalse(alive(int(result.stdout.split()[0])))

    def test_a_simulator_that_ignores_the_polite_signal_is_ended_too(self):
        result = run("trap '' TERM; echo $$; echo firstpage: exit 0; while :; do sleep 0.2; done")
        self.assertEqual(result.returncode, 0)
        self.assertLess(result.seconds, 8)
        self.assertFalse(alive(int(result.stdout.split()[0])))

    def test_output_that_never_stops_after_the_line_does_not_keep_it(self):
        result = run("echo firstpage: exit 1; while :; do echo x; sleep 0.01; done")
        self.assertEqual(result.returncode, 1)
        self.assertLess(result.seconds, 6)

    def test_no_line_in_time_is_124(self):
        result = run("echo $$; exec sleep 60", timeout=0.5)
        self.assertEqual(result.returncode, 124)
        self.assertIn(b"within 0.5 s", result.stderr)
        self.assertFalse(alive(int(result.stdout.split()[0])))

    def test_the_environment_wins_over_the_option(self):
        self.assertEqual(run("exec sleep 60", timeout=50, env={"TIMEOUT": "0.5"}).returncode, 124)

    def test_a_simulator_that_dies_is_125_and_says_how(self):
        result = run("echo hello; exit 0")
        self.assertEqual(result.returncode, 125)
        self.assertIn(b"ended with status 0", result.stderr)
        self.assertEqual(run("kill -9 $$").returncode, 125)

    def test_a_simulator_that_cannot_be_started_is_127(self):
        result = subprocess.run([FPG_RUN, "--", "no-such-simulator-here"], capture_output=True, check=False)
        self.assertEqual(result.returncode, 127)
        self.assertIn(b"no-such-simulator-here", result.stderr)

    def test_a_limit_that_is_no_number_is_refused(self):
        for value in ("soon", "-1", "nan"):
            self.assertEqual(run("true", env={"TIMEOUT": value}).returncode, 2, value)

    def test_standard_input_reaches_the_simulator(self):
        result = subprocess.run([FPG_RUN, "--", "bash", "-c", "read line; echo \"got $line\"; echo firstpage: exit 0"],
                                input=b"typed\n", capture_output=True, check=False)
        self.assertEqual(result.returncode, 0)
        self.assertIn(b"got typed", result.stdout)

    def test_a_signal_ends_the_simulator(self):
        for number in (signal.SIGTERM, signal.SIGINT):
            with subprocess.Popen([FPG_RUN, "--", "bash", "-c", "echo $$; exec sleep 60"],
                                  stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
                pid = int(process.stdout.readline())
                process.send_signal(number)
                self.assertEqual(process.wait(10), 128 + number)
            self.assertFalse(alive(pid))

    def test_output_comes_as_it_is_made(self):
        with subprocess.Popen([FPG_RUN, "--", "bash", "-c", "printf 'fp> '; sleep 60"], stdout=subprocess.PIPE,
                              stderr=subprocess.DEVNULL) as process:
            begin = time.monotonic()
            self.assertEqual(process.stdout.read(4), b"fp> ")
            self.assertLess(time.monotonic() - begin, 20)
            process.terminate()
