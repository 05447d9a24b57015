"""Tests of the journal: what a crash, a full disk or a changed byte may do to it."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from optuna.storages.journal import JournalFileBackend

from sweeps.errors import JournalError
from sweeps.search import journal as journal_module
from sweeps.search.journal import JournalBackend
from sweeps.search.journal_lines import decode_record, encode_record, read_records

RECORDS = [
    {"op_code": 0, "worker_id": "w", "study_name": "digits", "directions": [2]},
    {"op_code": 2, "worker_id": "w", "study_id": 0, "user_attr": {"sweep_id": "ä-1"}},
    {"op_code": 7, "worker_id": "w", "trial_id": 0, "step": 1, "intermediate_value": 0.25},
]


def write(path: Path, records: list[dict]) -> None:
    backend = JournalBackend(path)
    backend.read_logs(0)
    backend.append_logs(records)
    backend.close()


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    path = tmp_path / "study.journal"
    write(path, RECORDS)
    return path


def test_encode_record_is_optunas_line_with_a_checksum():
    """The line is Optuna's own, and the checksum its last key."""
    line = encode_record({"op_code": 1, "study_id": 0})
    assert line == b'{"op_code":1,"study_id":0,"crc":"c47a5f5c"}\n'
    assert decode_record(line[:-1]) == {"op_code": 1, "study_id": 0}


def test_journal_reopened_hands_out_all_records_in_order(journal: Path):
    """What was appended is what is read."""
    assert JournalBackend(journal).read_logs(0) == RECORDS


def test_journal_read_logs_forgets_what_was_fetched(journal: Path):
    """Only records that Optuna has not fetched stay in memory."""
    backend = JournalBackend(journal)
    assert backend.read_logs(0) == RECORDS
    assert backend.read_logs(2) == RECORDS[2:]
    assert backend.read_logs(3) == []


def test_journal_cut_at_any_byte_keeps_the_complete_records(journal: Path, tmp_path: Path):
    """A torn write costs the torn record only, and the next append repairs the file."""
    content = journal.read_bytes()
    cut = tmp_path / "cut.journal"
    for length in range(len(content) + 1):
        cut.write_bytes(content[:length])
        complete = content[:length].count(b"\n")
        backend = JournalBackend(cut)
        assert backend.read_logs(0) == RECORDS[:complete], length
        backend.append_logs([RECORDS[2]])
        backend.close()
        assert JournalBackend(cut).read_logs(0) == [*RECORDS[:complete], RECORDS[2]], length


@pytest.mark.parametrize("change", [0x01, 0x02, 0x20, 0x80, 0xFF, "newline", "quote", "zero"])
def test_journal_any_byte_changed_is_a_prefix_or_an_error(
    journal: Path, tmp_path: Path, change: int | str
):
    """No changed byte becomes a wrong value."""
    content = journal.read_bytes()
    changed = tmp_path / "changed.journal"
    fixed = {"newline": ord("\n"), "quote": ord('"'), "zero": 0}
    errors = 0
    for index, byte in enumerate(content):
        other = fixed[change] if isinstance(change, str) else byte ^ change
        if other == byte:
            continue
        changed.write_bytes(content[:index] + bytes([other]) + content[index + 1 :])
        try:
            records = JournalBackend(changed).read_logs(0)
            assert records == RECORDS[: len(records)], index
            assert content[:index].count(b"\n") >= len(records), index
        except JournalError:
            errors += 1
    assert errors > len(content) / 2


def test_journal_damage_before_the_last_record_names_the_line_and_what_to_do(journal: Path):
    """The message says where the damage is and how to go on."""
    content = journal.read_bytes()
    journal.write_bytes(content.replace(b"sweep_id", b"sweep_ib"))
    with pytest.raises(JournalError, match=r"study\.journal:2: .*head -n 1 study\.journal"):
        JournalBackend(journal).read_logs(0)


def test_red_control_optunas_backend_is_unreadable_after_a_torn_tail_and_an_append(tmp_path: Path):
    """Optuna appends behind the torn record: first that record is lost, then the whole file."""
    path = tmp_path / "optuna.journal"
    backend = JournalFileBackend(str(path))
    backend.append_logs(RECORDS)
    path.write_bytes(path.read_bytes()[:-10])
    backend.append_logs([RECORDS[2]])
    assert list(JournalFileBackend(str(path)).read_logs(0)) == RECORDS[:2]
    backend.append_logs([RECORDS[2]])
    with pytest.raises(ValueError):
        list(JournalFileBackend(str(path)).read_logs(0))


def test_red_control_optunas_backend_takes_a_changed_value(tmp_path: Path):
    """Without a checksum a changed digit is a wrong value."""
    path = tmp_path / "optuna.journal"
    JournalFileBackend(str(path)).append_logs(RECORDS)
    path.write_bytes(path.read_bytes().replace(b"0.25", b"0.95"))
    read = list(JournalFileBackend(str(path)).read_logs(0))
    assert read[2]["intermediate_value"] == 0.95


def test_journal_is_read_by_optunas_own_backend(journal: Path):
    """optuna-dashboard reads the file: the checksum is one more key."""
    read = list(JournalFileBackend(str(journal)).read_logs(0))
    assert [{k: v for k, v in record.items() if k != "crc"} for record in read] == RECORDS


def test_journal_read_only_leaves_a_torn_tail_alone(journal: Path):
    """`status` must not cut what another process is writing."""
    torn = journal.read_bytes()[:-5]
    journal.write_bytes(torn)
    backend = JournalBackend(journal, read_only=True)
    assert backend.read_logs(0) == RECORDS[:2]
    with pytest.raises(JournalError, match="reading only"):
        backend.append_logs([RECORDS[2]])
    assert journal.read_bytes() == torn


def test_journal_opened_for_reading_creates_no_file(tmp_path: Path):
    """Looking is not writing."""
    assert JournalBackend(tmp_path / "none.journal").read_logs(0) == []
    assert list(tmp_path.iterdir()) == []


def test_journal_takes_in_what_another_program_appended(journal: Path):
    """A note saved by optuna-dashboard counts before our next record, as in the file."""
    backend = JournalBackend(journal)
    backend.read_logs(0)
    note = {"op_code": 3, "worker_id": "d", "study_id": 0, "system_attr": {"note": "good"}}
    JournalFileBackend(str(journal)).append_logs([note])
    backend.append_logs([RECORDS[2]])
    assert backend.read_logs(3) == [note, RECORDS[2]]
    backend.close()
    assert JournalBackend(journal).read_logs(0) == [*RECORDS, note, RECORDS[2]]


def test_journal_cut_by_another_program_is_an_error(journal: Path):
    """Nothing is appended to a file that lost records meanwhile."""
    backend = JournalBackend(journal)
    backend.read_logs(0)
    os.truncate(journal, 10)
    with pytest.raises(JournalError, match="another program"):
        backend.append_logs([RECORDS[2]])
    backend.close()


FILL_DISK = """
import errno, resource, sys
from pathlib import Path
from sweeps.search.journal import JournalBackend
path = Path(sys.argv[1])
backend = JournalBackend(path)
backend.read_logs(0)
size = path.stat().st_size
for room in (0, 1, 7):
    resource.setrlimit(resource.RLIMIT_FSIZE, (size + room, resource.RLIM_INFINITY))
    try:
        backend.append_logs([{"op_code": 1, "study_id": 0}])
    except OSError as error:
        grown = path.stat().st_size - size
        print(room, errno.errorcode[error.errno], error.filename == str(path), grown)
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
backend.append_logs([{"op_code": 1, "study_id": 0}])
backend.close()
"""


def test_journal_full_disk_leaves_the_file_as_it_was_and_goes_on_later(journal: Path):
    """A write that does not fit is cut off again, and the next one follows the last record."""
    command = [sys.executable, "-c", FILL_DISK, str(journal)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["0 EFBIG True 0", "1 ENOSPC True 0", "7 ENOSPC True 0"]
    assert JournalBackend(journal).read_logs(0) == [*RECORDS, {"op_code": 1, "study_id": 0}]


WAIT_FOR_SPACE = """
import errno, resource, sys
from pathlib import Path
from sweeps.search.journal import JournalBackend
path = Path(sys.argv[1])

def make_room(error):
    rooms.append(errno.errorcode[error.errno])
    sizes.append(path.stat().st_size - size)
    free = resource.RLIM_INFINITY if len(rooms) == 3 else size + 7
    resource.setrlimit(resource.RLIMIT_FSIZE, (free, resource.RLIM_INFINITY))
    return True

rooms, sizes = [], []
backend = JournalBackend(path, wait_for_space=make_room)
backend.read_logs(0)
size = path.stat().st_size
resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))
backend.append_logs([{"op_code": 1, "study_id": 0}])
backend.close()
print(rooms, sizes, len(backend.read_logs(3)))
"""


def test_journal_waits_for_space_and_appends_a_record_once(journal: Path):
    """However often a write tears meanwhile, the record is there once, in file and memory."""
    command = [sys.executable, "-c", WAIT_FOR_SPACE, str(journal)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout == "['EFBIG', 'ENOSPC', 'ENOSPC'] [0, 0, 0] 1\n"
    assert JournalBackend(journal).read_logs(0) == [*RECORDS, {"op_code": 1, "study_id": 0}]


def test_journal_opened_again_syncs_what_a_killed_process_appended(
    journal: Path, monkeypatch: pytest.MonkeyPatch
):
    """What is read and acted upon must not be lost with the power later."""
    synced = []
    monkeypatch.setattr(os, "fsync", lambda descriptor: synced.append(os.fstat(descriptor).st_ino))
    backend = JournalBackend(journal)
    backend.read_logs(0)
    backend.sync()
    backend.sync()
    assert synced.count(journal.stat().st_ino) == 1


def test_journal_failed_sync_refuses_to_go_on(journal: Path, monkeypatch: pytest.MonkeyPatch):
    """After a failed fsync the system may have dropped records: a second one must not succeed."""
    backend = JournalBackend(journal)
    backend.read_logs(0)
    backend.append_logs([RECORDS[2]])

    def fail(descriptor: int) -> None:
        raise OSError(errno.EIO, "input/output error")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", fail)
        with pytest.raises(OSError, match="input/output"):
            backend.sync()
    with pytest.raises(JournalError, match="did not reach the disk"):
        backend.sync()
    with pytest.raises(JournalError, match="did not reach the disk"):
        backend.append_logs([RECORDS[2]])


def test_journal_sync_without_new_records_does_nothing(
    journal: Path, monkeypatch: pytest.MonkeyPatch
):
    """One fsync serves all threads that wait for it."""
    calls = []
    monkeypatch.setattr(os, "fsync", calls.append)
    backend = JournalBackend(journal)
    backend.read_logs(0)
    backend.sync()
    backend.append_logs([RECORDS[2]])
    calls.clear()  # of the folder, when the file was opened
    backend.append_logs([RECORDS[2]])
    backend.sync()
    backend.sync()
    assert len(calls) == 1


def test_journal_closed_refuses_to_write(journal: Path):
    """Another process may hold the sweep by then."""
    backend = JournalBackend(journal)
    backend.read_logs(0)
    backend.append_logs([RECORDS[2]])
    backend.close()
    content = journal.read_bytes()
    with pytest.raises(JournalError, match="has been closed"):
        backend.append_logs([RECORDS[2]])
    assert journal.read_bytes() == content


def test_journal_opening_syncs_the_folder_of_a_file_that_is_there(
    journal: Path, monkeypatch: pytest.MonkeyPatch
):
    """Who created the file may have been killed before its name was on disk."""
    synced = []
    monkeypatch.setattr(journal_module, "sync_dir", synced.append)
    backend = JournalBackend(journal)
    backend.read_logs(0)
    backend.append_logs([RECORDS[2]])
    assert synced == [journal.parent]
    backend.close()


def test_read_records_unknown_key_without_checksum_is_damage(tmp_path: Path):
    """A changed byte in the checksum's own key must not turn the line into a foreign one."""
    line = json.dumps({"op_code": 1, "study_id": 0, "crk": "0badcafe"}).encode() + b"\n"
    assert read_records(line, path=tmp_path) == ([], 0)
