"""Downloads from a server on this machine that stalls, truncates, lies, redirects in circles and flips bytes."""

import errno
import gzip
import hashlib
import io
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace

import pytest

import fetch_sample
from mscape.errors import UserError
from mscape.io.download import fetch, transfer, urls

DATA = gzip.compress(b"gene,A,B\n" + b"THY1,1,2\n" * 20_000, compresslevel=1, mtime=0) + b""
SHA = hashlib.sha256(DATA).hexdigest()
FAST = transfer.Patience(attempts=4, wait=0.01, longest=0.05, timeout=0.5)


class Handler(BaseHTTPRequestHandler):
    """Behaves as the address says; ``server.seen`` keeps (path, Range) of all requests."""

    def log_message(self, *args):
        pass

    def do_GET(self):
        name = self.path.rsplit("/", 1)[-1]
        seen = self.server.seen
        asked = self.headers.get("Range")
        seen.append((self.path, asked))
        times = sum(path == self.path for path, _ in seen)
        behaviour = name.split(".")[0]
        if behaviour == "missing":
            self.send_error(404)
        elif behaviour == "private":
            self.send_error(403)
        elif behaviour == "busy" and times < 3:
            self.send_response(503)
            self.send_header("Retry-After", "0")
            self.send_header("Content-Length", "0")
            self.end_headers()
        elif behaviour == "dead":
            self.send_error(500)
        elif behaviour == "circle":
            self.send_response(302)
            self.send_header("Location", self.path)
            self.send_header("Content-Length", "0")
            self.end_headers()
        elif behaviour == "moved":
            self.send_response(301)
            self.send_header("Location", "/good.csv.gz")
            self.send_header("Content-Length", "0")
            self.end_headers()
        elif behaviour == "page":
            self._send(b"<!DOCTYPE html><html>Please log in</html>")
        elif behaviour == "cut" and times == 1:
            self._send(DATA, stop=len(DATA) // 3)
        elif behaviour == "cutter":
            self._send(DATA, stop=len(DATA) // 3, ranges=False)
        elif behaviour == "stall" and times == 1:
            self._send(DATA, stop=len(DATA) // 2, stall=True)
        elif behaviour == "liar":
            self._send(DATA[: len(DATA) // 2])
        elif behaviour == "flip":
            self._send(DATA[:50] + bytes([DATA[50] ^ 1]) + DATA[51:])
        elif behaviour == "elsewhere" and times == 1:
            self._send(DATA, stop=len(DATA) // 3)
        elif behaviour == "elsewhere" and times == 2:
            self.send_response(206)
            self.send_header("Content-Range", f"bytes 0-{len(DATA) - 1}/{len(DATA)}")
            self.send_header("Content-Length", str(len(DATA)))
            self.send_header("ETag", '"1"')
            self.end_headers()
            self.wfile.write(DATA)
        elif behaviour == "chunks":
            self.send_response(200)
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            self.wfile.write(f"{len(DATA):x}\r\n".encode() + DATA[: len(DATA) // 2 if times == 1 else None])
            if times > 1:
                self.wfile.write(b"\r\n0\r\n\r\n")
        elif behaviour == "changed" and times == 1:
            self._send(DATA[::-1], stop=len(DATA) // 3, tag='"old"')
        else:
            self._send(DATA)

    def _send(self, data, *, stop=None, stall=False, ranges=True, tag='"1"'):
        start = 0
        asked = self.headers.get("Range")
        if asked and ranges and self.headers.get("If-Range", tag) == tag:
            start = int(asked.removeprefix("bytes=").rstrip("-"))
            self.send_response(206)
            self.send_header("Content-Range", f"bytes {start}-{len(data) - 1}/{len(data)}")
        else:
            self.send_response(200)
        self.send_header("ETag", tag)
        self.send_header("Content-Length", str(len(data) - start))
        self.end_headers()
        self.wfile.write(data[start:stop])
        self.wfile.flush()
        if stall:
            self.server.held = not self.server.released.wait(5)  # the client is still there


@pytest.fixture
def server(monkeypatch):
    for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.seen, server.held, server.released, server.daemon_threads = [], False, threading.Event(), True
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        server.url = f"http://127.0.0.1:{server.server_port}"
        try:
            yield server
        finally:
            server.released.set()
            server.shutdown()
            thread.join(5)


def run(server, tmp_path, name, **row):
    folder = tmp_path / "fetched"
    fetch_sample.download_sample(
        {"path": f"{server.url}/{name}", "sha256": ""} | row,
        folder,
        lock=tmp_path / "checksums.tsv",
        cache=tmp_path / "downloads",
        patience=FAST,
        geo=f"{server.url}/geo",
    )
    return folder


@pytest.mark.parametrize("name", ["good", "moved", "busy", "cut", "stall", "changed"])
def test_the_file_comes_whole(name, server, tmp_path):
    folder = run(server, tmp_path, f"{name}.csv.gz", sha256=SHA)
    assert [path.name for path in folder.iterdir()] == [f"{name}.csv.gz"]
    assert (folder / f"{name}.csv.gz").read_bytes() == DATA
    assert not list(tmp_path.rglob("*.part*"))
    assert not server.held


def test_a_broken_download_goes_on_where_it_ended(server, tmp_path):
    run(server, tmp_path, "cut.csv.gz")
    assert [asked for _, asked in server.seen] == [None, f"bytes={len(DATA) // 3}-"]


def test_progress_is_printed_on_the_terminal(server, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(transfer, "PIECE", 100)
    monkeypatch.setattr(transfer, "PROGRESS_FROM", 200)
    run(server, tmp_path, "good.csv.gz")
    printed = [
        line for line in capsys.readouterr().err.splitlines() if line.startswith("mscape download: good.csv.gz:")
    ]
    assert 2 <= len(printed) <= 10
    assert "% of 0 MB" in printed[0]


def test_a_part_from_another_place_in_the_file_is_not_appended(server, tmp_path):
    folder = run(server, tmp_path, "elsewhere.csv.gz", sha256=SHA)
    assert (folder / "elsewhere.csv.gz").read_bytes() == DATA


def test_a_file_sent_in_chunks_without_its_length_is_whole_or_tried_again(server, tmp_path):
    folder = run(server, tmp_path, "chunks.csv.gz", sha256=SHA)
    assert (folder / "chunks.csv.gz").read_bytes() == DATA
    assert len(server.seen) == 2


def test_a_disk_that_fills_up_keeps_what_came_and_says_so(server, tmp_path, monkeypatch):
    class Full(io.FileIO):
        def write(self, data):
            raise OSError(errno.ENOSPC, "No space left on device")

    opened = Path.open

    def open_full(path, mode="r", *args, **options):
        return (
            Full(path, "w")
            if path.name.endswith(".part") and "b" in mode and "r" not in mode
            else opened(path, mode, *args, **options)
        )

    monkeypatch.setattr(Path, "open", open_full)
    with pytest.raises(UserError, match=r"the disk of .* is full. Make room; what was downloaded is kept"):
        run(server, tmp_path, "good.csv.gz")
    assert not list(tmp_path.rglob("*.gz"))


def test_a_file_that_changed_in_between_is_begun_anew(server, tmp_path):
    folder = run(server, tmp_path, "changed.csv.gz")
    assert (folder / "changed.csv.gz").read_bytes() == DATA


BAD = {
    "missing": "does not exist.*404",
    "private": "is not open to everyone",
    "circle": "leads round in circles",
    "dead": r"HTTP 500 \(4 tries\)",
    "cutter": r"ended at [\d,]+ of [\d,]+ bytes \(4 tries\).*are kept",
    "page": "is a web page",
    "liar": "damaged or cut short",
    "flip": "damaged|cut short",
}


@pytest.mark.parametrize("name", BAD)
def test_what_cannot_be_had_is_said_in_one_sentence(name, server, tmp_path):
    with pytest.raises(UserError, match=BAD[name]) as caught:
        run(server, tmp_path, f"{name}.csv.gz")
    assert server.url in str(caught.value)
    assert not (tmp_path / "fetched").exists()
    assert not (tmp_path / "checksums.tsv").exists()
    assert not list((tmp_path / "downloads").rglob("*.gz"))


@pytest.mark.parametrize("name", ["missing", "private", "circle"])
def test_what_time_does_not_heal_is_not_tried_again(name, server, tmp_path):
    with pytest.raises(UserError):
        run(server, tmp_path, f"{name}.csv.gz")
    assert len(server.seen) < 15  # a circle is followed ten times by the library


@pytest.mark.parametrize("name", ["flip", "liar"])
def test_a_digest_that_differs_is_refused(name, server, tmp_path):
    with pytest.raises(UserError, match=f"but {SHA} was expected"):
        run(server, tmp_path, f"{name}.csv.gz", sha256=SHA)
    assert not list(tmp_path.rglob("*.gz"))
    assert not list(tmp_path.rglob("*.part"))


def test_the_first_digest_counts_ever_after(server, tmp_path, monkeypatch):
    run(server, tmp_path, "good.csv.gz")
    url = f"{server.url}/good.csv.gz"
    assert fetch.read_lock(tmp_path / "checksums.tsv") == {url: SHA}
    assert len(server.seen) == 1

    run(server, tmp_path, "good.csv.gz")
    assert len(server.seen) == 1  # it is there and verified

    place = tmp_path / "downloads" / urls.place_of(url)
    place.unlink()
    other = gzip.compress(b"gene,A\nTHY1,9\n", mtime=0)
    monkeypatch.setitem(globals(), "DATA", other)
    with pytest.raises(UserError, match="from the first download"):
        run(server, tmp_path, "good.csv.gz")


def test_a_damaged_copy_is_fetched_again(server, tmp_path):
    run(server, tmp_path, "good.csv.gz")
    place = tmp_path / "downloads" / urls.place_of(f"{server.url}/good.csv.gz")
    place.write_bytes(b"half")
    folder = run(server, tmp_path, "good.csv.gz")
    assert (folder / "good.csv.gz").read_bytes() == DATA


def test_samples_share_a_download_and_a_sample_may_have_several_files(server, tmp_path):
    folder = run(server, tmp_path, "good.csv.gz", path=f"geo:GSM5519456:a.gz; geo:GSM5519456:b.gz\n{server.url}/a.gz")
    assert sorted(path.name for path in folder.iterdir()) == ["a.gz", "b.gz"]
    assert [path for path, _ in server.seen] == [
        "/geo/samples/GSM5519nnn/GSM5519456/suppl/a.gz",
        "/geo/samples/GSM5519nnn/GSM5519456/suppl/b.gz",
        "/a.gz",
    ]
    run(server, tmp_path, "", path="geo:GSM5519456:a.gz")
    assert len(server.seen) == 3


def test_no_server_and_no_network_are_told_apart(tmp_path, monkeypatch):
    for name in ("http_proxy", "HTTP_PROXY"):
        monkeypatch.delenv(name, raising=False)
    quick = transfer.Patience(attempts=2, wait=0, timeout=0.5)
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as closed:
        port = closed.server_port
    with pytest.raises(UserError, match=r"no connection to 127.0.0.1.*proxy settings"):
        fetch.fetch(f"http://127.0.0.1:{port}/a", tmp_path / "a", patience=quick)
    with pytest.raises(UserError, match=r"\(no network\?\)"):
        fetch.fetch("http://mscape.invalid/a", tmp_path / "a", patience=quick)


def test_local_addresses(tmp_path):
    (tmp_path / "in.csv").write_text("gene,A\nTHY1,1\n")
    fetch.fetch((tmp_path / "in.csv").as_uri(), tmp_path / "out.csv")
    assert (tmp_path / "out.csv").read_text() == "gene,A\nTHY1,1\n"
    with pytest.raises(UserError, match="No such file"):
        fetch.fetch((tmp_path / "no.csv").as_uri(), tmp_path / "no", patience=FAST)


@pytest.mark.parametrize(
    ("path", "url"),
    [
        (
            "geo:GSE182158:GSE182158_RAW.tar",
            "https://ftp.ncbi.nlm.nih.gov/geo/series/GSE182nnn/GSE182158/suppl/GSE182158_RAW.tar",
        ),
        ("ftp://ftp.ncbi.nlm.nih.gov/geo/x.gz", "https://ftp.ncbi.nlm.nih.gov/geo/x.gz"),
        ("s3://bucket/a/b.h5", "https://bucket.s3.amazonaws.com/a/b.h5"),
        ("https://example.org/a.h5?x=1", "https://example.org/a.h5?x=1"),
    ],
)
def test_addresses(path, url):
    assert urls.resolve(path) == url


def test_buckets_may_be_on_another_server(monkeypatch):
    monkeypatch.setenv(urls.S3_ENDPOINT, "https://minio.example.org/")
    assert urls.resolve("s3://bucket/a/b.h5") == "https://minio.example.org/bucket/a/b.h5"


@pytest.mark.parametrize("path", ["geo:182158:a", "geo:GSM1", "gopher://x/y", "https://"])
def test_what_is_no_address_is_refused(path):
    with pytest.raises(UserError, match="Expected"):
        urls.resolve(path)


def test_names_cannot_lead_out_of_the_folder():
    assert urls.name_of("https://x/a/..%2F..%2Fetc%2Fpasswd") == "_.._etc_passwd"
    assert urls.name_of("https://x/") == "download"


def test_one_digest_cannot_be_that_of_two_files(server, tmp_path):
    with pytest.raises(UserError, match="one sha256 is given for 2 files"):
        run(server, tmp_path, "", path=f"{server.url}/a.gz;{server.url}/b.gz", sha256=SHA)


def test_full_disk_is_said_before_the_download(server, tmp_path, monkeypatch):
    usage = SimpleNamespace(free=10)
    monkeypatch.setattr(transfer.shutil, "disk_usage", lambda path: usage)
    with pytest.raises(UserError, match="Make room"):
        run(server, tmp_path, "good.csv.gz")


SECRET = "S3CRET"


def everything(folder):
    return b"\n".join(str(path).encode() + path.read_bytes() for path in folder.rglob("*") if path.is_file())


@pytest.mark.parametrize("name", ["good.csv.gz", "missing.csv.gz", "dead.csv.gz", "cutter.csv.gz", "page.csv.gz"])
def test_secrets_of_addresses_are_never_shown_or_kept(name, server, tmp_path, caplog, capsys):
    caplog.set_level("INFO")
    address = f"http://me:{SECRET}@{server.url.removeprefix('http://')}/{name}?X-Amz-Signature={SECRET}&x=1"
    said = ""
    try:
        run(server, tmp_path, "", path=address)
    except UserError as error:
        said = str(error)
        assert f"{server.url}/{name}?..." in said
    assert SECRET.encode() not in everything(tmp_path)
    assert SECRET not in caplog.text + "".join(capsys.readouterr()) + said
    assert server.seen[0][0] == f"/{name}?X-Amz-Signature={SECRET}&x=1"


def test_user_and_password_are_sent_to_the_server_and_not_where_it_leads(monkeypatch):
    request = transfer._ask("https://me:a%40b@example.org:8080/x.h5?y=1")
    assert request.full_url == "https://example.org:8080/x.h5?y=1"
    assert request.unredirected_hdrs == {"Authorization": "Basic bWU6YUBi"}  # me:a@b
    assert "Authorization" not in request.headers


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("https://me:S3CRET@h/x.h5", "https://h/x.h5"),
        ("https://me:S3/CR@ET@h/x.h5#a", "https://h/x.h5?..."),
        ("ftp://me@h/x.h5?token=S3CRET", "ftp://h/x.h5?..."),
        ("geo:GSM1:a@b.gz", "geo:GSM1:a@b.gz"),
        ("https://h/a@b.h5", "https://h/a@b.h5"),
        ("htp://me:S3CRET@h/x", "htp://h/x"),
    ],
)
def test_addresses_as_they_are_shown(address, shown):
    assert urls.shown(address) == shown


def test_addresses_that_differ_in_their_query_are_two_files():
    one, two = (urls.key_of(f"https://me:pw@h/get?acc={n}") for n in "12")
    assert one != two
    assert one.startswith("https://h/get?...#")
    assert urls.key_of("https://other@h/get?acc=1") == one
    assert urls.place_of("https://me:pw@h/x.h5") == urls.place_of("https://h/x.h5")


@pytest.mark.parametrize(
    "path",
    ["http://[::1", "http://\u2100.example/a", "http://h:S3CRET/x", "htp://me:S3CRET@h/x", "http://me:S3/CRET@h/x"],
)
def test_odd_addresses_are_refused_in_one_sentence(path):
    with pytest.raises(UserError, match="is no address") as caught:
        urls.resolve(path)
    assert "me:" not in str(caught.value)
    assert "CRET@" not in str(caught.value)


def test_long_names_are_cut_at_their_beginning():
    assert urls.name_of(f"https://h/{'a' * 400}.h5ad").endswith("aaa.h5ad")
    assert len(urls.name_of(f"https://h/{'a' * 400}.h5ad")) == 120


@pytest.mark.parametrize("text", [b"", b"\0\0\0", b'{"url"', b"\xff\xfe", b"[]", b'{"url": 3}'])
def test_damaged_notes_of_a_download_are_forgotten(server, tmp_path, text):
    place = tmp_path / "downloads" / urls.place_of(f"{server.url}/good.csv.gz")
    place.parent.mkdir(parents=True)
    place.with_name(place.name + ".part").write_bytes(b"half")
    place.with_name(place.name + ".part.json").write_bytes(text)
    (tmp_path / "checksums.tsv").write_bytes(b"url\tsha256\tbytes\n" + text + b"\n")
    folder = run(server, tmp_path, "good.csv.gz")
    assert (folder / "good.csv.gz").read_bytes() == DATA
    assert fetch.read_lock(tmp_path / "checksums.tsv") == {f"{server.url}/good.csv.gz": SHA}


def test_no_redirect_leads_from_outside_to_this_machine(server, tmp_path, monkeypatch):
    names = {"public.example": "93.184.216.34"}
    monkeypatch.setattr(
        transfer.socket, "getaddrinfo", lambda host, *_: [(2, 1, 6, "", (names.get(host, "127.0.0.1"), 0))]
    )
    redirects = transfer._Redirects()
    request = transfer._ask("https://public.example/a.h5")
    with pytest.raises(UserError, match=r"https://public\.example/a\.h5 leads to 127\.0\.0\.1, a private address"):
        redirects.redirect_request(request, None, 302, "", {}, "http://127.0.0.1/secret")
    inside = redirects.redirect_request(transfer._ask("http://lab.local/a"), None, 302, "", {}, "http://other.local/b")
    assert inside.full_url == "http://other.local/b"
