#!/usr/bin/env python3
"""A double of the Google Cloud Storage XML API for tests, standard library only.

usage: gcs_double.py BUCKET[,BUCKET...] SA_JSON...

It is NOT Google's server. It listens on a free port and says which, holds objects in memory, and covers what the
object_store crate's GCS client and signed URLs use. Checked for real: RS256 self-signed JWT bearer tokens and V4
(GOOG4-RSA-SHA256) signed URLs against the RSA public key of a known service account, expiry, signed headers, generation
preconditions, Content-MD5, part ETags. A service account reaches every bucket, or only those in its JSON's
"test_buckets" list when it has one.
"""
import base64, hashlib, hmac, json, re, subprocess, sys, threading, time
from datetime import datetime, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, quote, unquote, urlsplit
from xml.sax.saxutils import escape
import xml.etree.ElementTree as ET

HOST_ALIAS = "storage.googleapis.com"  # object_store always signs this host, whatever the base URL is
DIGEST_INFO = bytes.fromhex("3031300d060960864801650304020105000420")  # SHA-256 DigestInfo, RFC 8017 9.2
XMLNS = "http://doc.s3.amazonaws.com/2006-03-01"
KEPT = ("content-type", "cache-control", "content-disposition", "content-encoding", "content-language")
LOCK, BUCKETS, UPLOADS, KEYS = threading.RLock(), {}, {}, {}
CLOCK = [int(time.time() * 1e6)]


class Fail(Exception):
    def __init__(self, status, code, detail=""):
        self.status, self.code, self.detail = status, code, detail


def load_account(path):
    sa = json.load(open(path))
    out = subprocess.run(["openssl", "rsa", "-noout", "-modulus"], input=sa["private_key"].encode(), capture_output=True, check=True)
    KEYS[sa["client_email"]] = (int(out.stdout.split(b"=")[1], 16), 65537, sa.get("test_buckets"))


def rsa_ok(email, message, sig):
    n, e, _ = KEYS[email]
    k = (n.bit_length() + 7) // 8
    t = DIGEST_INFO + hashlib.sha256(message).digest()
    want = b"\x00\x01" + b"\xff" * (k - 3 - len(t)) + b"\x00" + t
    return len(sig) == k and hmac.compare_digest(pow(int.from_bytes(sig, "big"), e, n).to_bytes(k, "big"), want)


def b64u(s):
    return base64.urlsafe_b64decode(s + "=" * (-len(s) % 4))


def check_bearer(token):
    try:
        h, c, s = token.split(".")
        head, claim = json.loads(b64u(h)), json.loads(b64u(c))
        good = head["alg"] == "RS256" and claim["iss"] == claim["sub"] in KEYS and rsa_ok(claim["iss"], f"{h}.{c}".encode(), b64u(s))
    except Exception:
        good = False
    if not good:
        raise Fail(401, "AuthenticationRequired", "Invalid credentials")
    if not claim["iat"] - 60 <= time.time() < claim["exp"] or claim["exp"] - claim["iat"] > 3600:
        raise Fail(401, "AuthenticationRequired", "Token expired")
    if "devstorage" not in claim.get("scope", "") and "cloud-platform" not in claim.get("scope", ""):
        raise Fail(403, "AccessDenied", "scope")
    return claim["iss"]


def check_v4(method, raw_path, pairs, headers):
    q = dict(pairs)
    try:
        email, date, _region, service, kind = unquote(q["X-Goog-Credential"]).rsplit("/", 4)
        when, ttl = q["X-Goog-Date"], int(q["X-Goog-Expires"])
        sig, names = bytes.fromhex(q["X-Goog-Signature"]), q["X-Goog-SignedHeaders"].split(";")
        start = datetime.strptime(when, "%Y%m%dT%H%M%SZ").replace(tzinfo=timezone.utc).timestamp()
    except (KeyError, ValueError):
        raise Fail(400, "AuthenticationRequired", "malformed signed URL")
    if q.get("X-Goog-Algorithm") != "GOOG4-RSA-SHA256" or (service, kind) != ("storage", "goog4_request") or when[:8] != date:
        raise Fail(400, "InvalidArgument", "algorithm or scope")
    if not 0 < ttl <= 604800:
        raise Fail(400, "AuthorizationQueryParametersError", "X-Goog-Expires must be at most 604800")
    if email not in KEYS:
        raise Fail(403, "SignatureDoesNotMatch", "unknown service account")
    if "host" not in names or names != sorted(names) or any(n not in names for n in map(str.lower, headers) if n.startswith("x-goog-")):
        raise Fail(400, "MalformedSecurityHeader", "host and every x-goog-* header sent have to be signed")
    if any(n != "host" and headers.get(n) is None for n in names):
        raise Fail(400, "MalformedSecurityHeader", "Header was included in signedheaders, but not in the request.")
    enc = lambda s: quote(s, safe="-_.~")
    query = "&".join(sorted(f"{enc(k)}={enc(v)}" for k, v in pairs if k != "X-Goog-Signature"))
    for host in (headers["host"], HOST_ALIAS):
        canon = "".join(f"{n}:{' '.join((host if n == 'host' else ','.join(headers.get_all(n))).split())}\n" for n in names)
        payload = headers.get("x-goog-content-sha256", "UNSIGNED-PAYLOAD")
        request = "\n".join([method, raw_path, query, canon, ";".join(names), payload])
        to_sign = "\n".join(["GOOG4-RSA-SHA256", when, "/".join([date, _region, service, kind]), hashlib.sha256(request.encode()).hexdigest()])
        if rsa_ok(email, to_sign.encode(), sig):
            break
    else:
        raise Fail(403, "SignatureDoesNotMatch", "the calculated signature differs")
    if time.time() < start - 900:
        raise Fail(403, "RequestTimeTooSkewed", "not yet valid")
    if time.time() >= start + ttl:
        raise Fail(400, "ExpiredToken", "The provided token has expired.")
    return email


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *a):
        pass

    def handle_any(self):
        self.body_read = False
        try:
            self.route()
        except Fail as f:
            self.read_body()
            self.reply(f.status, f"<?xml version='1.0' encoding='UTF-8'?><Error><Code>{f.code}</Code><Message>{escape(f.detail or f.code)}</Message></Error>".encode())
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True

    do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = handle_any

    def read_body(self):
        if self.body_read:
            return b""
        self.body_read = True
        if "chunked" in self.headers.get("transfer-encoding", ""):
            out = []
            while n := int(self.rfile.readline().split(b";")[0], 16):
                out.append(self.rfile.read(n)); self.rfile.readline()
            self.rfile.readline()
            return b"".join(out)
        return self.rfile.read(int(self.headers.get("content-length") or 0))

    def reply(self, status, body=b"", headers=(), ctype="application/xml; charset=UTF-8", length=None):
        self.send_response(status)
        for k, v in headers:
            self.send_header(k, v)
        if body and not any(k.lower() == "content-type" for k, _ in headers):
            self.send_header("Content-Type", ctype)
        if status not in (204, 304):
            self.send_header("Content-Length", str(len(body) if length is None else length))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def route(self):
        url = urlsplit(self.path)  # absolute-form (via a proxy) works too
        pairs = parse_qsl(url.query, keep_blank_values=True, strict_parsing=False)
        self.q, h = dict(pairs), self.headers
        bucket, _, key = url.path.lstrip("/").partition("/")
        bucket, key = unquote(bucket), unquote(key)
        if url.path == "/":
            return self.reply(200, b"ok", ctype="text/plain")
        auth = h.get("authorization")
        if "X-Goog-Signature" in self.q or "X-Goog-Algorithm" in self.q:
            if auth:
                raise Fail(400, "InvalidArgument", "Only one auth mechanism allowed")
            who = check_v4(self.command, url.path, pairs, h)
        elif auth and auth.startswith("Bearer "):
            who = check_bearer(auth[7:])
        elif auth:
            raise Fail(400, "InvalidAuthentication", "unsupported Authorization")
        else:
            raise Fail(403, "AccessDenied", "Anonymous caller does not have access")
        if KEYS[who][2] is not None and bucket not in KEYS[who][2]:
            raise Fail(403, "AccessDenied", f"{who} does not have access to {bucket}")
        if bucket not in BUCKETS:
            raise Fail(404, "NoSuchBucket", bucket)
        self.bucket, self.key, self.objects = bucket, key, BUCKETS[bucket]
        if not key:
            return self.list_bucket() if self.command == "GET" else self.reply(200)
        getattr(self, "on_" + self.command.lower())()

    def generation_guard(self):
        want = self.headers.get("x-goog-if-generation-match")
        now = self.objects.get(self.key)
        if want is not None and int(want) != (now["gen"] if now else 0):
            raise Fail(412, "PreconditionFailed", "At least one of the pre-conditions you specified did not hold.")

    def md5_guard(self, data):
        want, got = self.headers.get("content-md5"), hashlib.md5(data).digest()
        if want is not None:
            try:
                ok = base64.b64decode(want, validate=True) == got
            except ValueError:
                raise Fail(400, "InvalidDigest", "The Content-MD5 you specified is not valid.")
            if not ok:
                raise Fail(400, "BadDigest", f"The Content-MD5 you specified did not match what we received. Calculated MD5: {base64.b64encode(got).decode()}")
        return got

    def store(self, data, meta, md5=None, etag=None):
        with LOCK:
            self.generation_guard()
            CLOCK[0] = max(CLOCK[0] + 1, int(time.time() * 1e6))
            o = {"data": data, "meta": meta, "gen": CLOCK[0], "md5": md5, "etag": etag or f'"{md5.hex()}"', "time": time.time()}
            self.objects[self.key] = o
        return o

    def object_headers(self, o):
        hs = [("ETag", o["etag"]), ("x-goog-generation", str(o["gen"])), ("x-goog-metageneration", "1"), ("x-goog-stored-content-length", str(len(o["data"])))]
        return hs + ([("x-goog-hash", "md5=" + base64.b64encode(o["md5"]).decode())] if o["md5"] else [])

    def meta_from_request(self):
        return [(k, v) for k, v in self.headers.items() if k.lower() in KEPT or k.lower().startswith("x-goog-meta-")]

    def on_put(self):
        if src := self.headers.get("x-goog-copy-source"):
            b, _, k = unquote(src).lstrip("/").partition("/")
            o = BUCKETS.get(b, {}).get(k)
            if o is None:
                raise Fail(404, "NoSuchKey", k)
            n = self.store(o["data"], o["meta"], o["md5"], o["etag"])
            return self.reply(200, f"<?xml version='1.0'?><CopyObjectResult><LastModified>{iso(n)}</LastModified><ETag>{escape(n['etag'])}</ETag></CopyObjectResult>".encode(), self.object_headers(n))
        data = self.read_body()
        md5 = self.md5_guard(data)
        if "uploadId" in self.q:
            up, num = self.upload(), int(self.q.get("partNumber", 0))
            if not 1 <= num <= 10000:
                raise Fail(400, "InvalidArgument", "partNumber")
            with LOCK:
                up["parts"][num] = (md5, data)
            return self.reply(200, b"", [("ETag", f'"{md5.hex()}"'), ("x-goog-hash", "md5=" + base64.b64encode(md5).decode())])
        self.reply(200, b"", self.object_headers(self.store(data, self.meta_from_request(), md5)))

    def upload(self):
        up = UPLOADS.get(self.q["uploadId"])
        if up is None or (up["bucket"], up["key"]) != (self.bucket, self.key):
            raise Fail(404, "NoSuchUpload", "The requested upload was not found.")
        return up

    def on_post(self):
        body = self.read_body()
        if "uploads" in self.q:
            uid = base64.urlsafe_b64encode(hashlib.sha256(f"{time.time_ns()}{self.key}".encode()).digest()).decode().rstrip("=")
            UPLOADS[uid] = {"bucket": self.bucket, "key": self.key, "parts": {}, "meta": self.meta_from_request()}
            return self.reply(200, f"<?xml version='1.0'?><InitiateMultipartUploadResult xmlns='{XMLNS}'><Bucket>{self.bucket}</Bucket><Key>{escape(self.key)}</Key><UploadId>{uid}</UploadId></InitiateMultipartUploadResult>".encode())
        if "uploadId" not in self.q:
            raise Fail(400, "InvalidArgument", "POST")
        up = self.upload()
        text = lambda p, n: next((c.text or "" for c in p if c.tag.split("}")[-1] == n), "")
        parts = [(int(text(p, "PartNumber")), text(p, "ETag").strip('"')) for p in ET.fromstring(body) if p.tag.split("}")[-1] == "Part"]
        if [n for n, _ in parts] != sorted({n for n, _ in parts}):
            raise Fail(400, "InvalidPartOrder", "The list of parts was not in ascending order.")
        for i, (n, tag) in enumerate(parts):
            if n not in up["parts"] or up["parts"][n][0].hex() != tag:
                raise Fail(400, "InvalidPart", "One or more of the specified parts could not be found.")
            if i < len(parts) - 1 and len(up["parts"][n][1]) < 5 << 20:
                raise Fail(400, "EntityTooSmall", "parts other than the last have to be 5 MiB or more")
        data = b"".join(up["parts"][n][1] for n, _ in parts)
        o = self.store(data, up["meta"], None, f'"{hashlib.sha1(data).hexdigest()[:24]}-{len(parts)}"')
        UPLOADS.pop(self.q["uploadId"], None)
        self.reply(200, f"<?xml version='1.0'?><CompleteMultipartUploadResult xmlns='{XMLNS}'><Bucket>{self.bucket}</Bucket><Key>{escape(self.key)}</Key><ETag>{escape(o['etag'])}</ETag></CompleteMultipartUploadResult>".encode(), self.object_headers(o))

    def on_delete(self):
        if "uploadId" in self.q:
            self.upload(); UPLOADS.pop(self.q["uploadId"], None)
        elif self.objects.pop(self.key, None) is None:
            raise Fail(404, "NoSuchKey", "The specified key does not exist.")
        self.reply(204)

    def on_get(self):
        o = self.objects.get(self.key)
        if o is None or ("generation" in self.q and int(self.q["generation"]) != o["gen"]):
            raise Fail(404, "NoSuchKey", "The specified key does not exist.")
        h = self.headers
        if h.get("if-match") not in (None, "*", o["etag"]):
            raise Fail(412, "PreconditionFailed")
        hs = self.object_headers(o) + o["meta"] + [("Last-Modified", http_date(o)), ("Accept-Ranges", "bytes")]
        if h.get("if-none-match") in (o["etag"], "*"):
            return self.reply(304, b"", hs)
        data, m = o["data"], re.fullmatch(r"bytes=(\d*)-(\d*)", h.get("range", ""))
        if m and (m[1] or m[2]):
            size = len(data)
            a, b = (int(m[1]), min(int(m[2]) if m[2] else size - 1, size - 1)) if m[1] else (max(0, size - int(m[2])), size - 1)
            if a > b:
                return self.reply(416, b"", [("Content-Range", f"bytes */{size}")])
            return self.reply(206, data[a : b + 1], hs + [("Content-Range", f"bytes {a}-{b}/{size}")], length=b - a + 1)
        self.reply(200, data, hs)

    on_head = on_get

    def list_bucket(self):
        q = self.q
        if q.get("list-type") != "2":
            raise Fail(400, "InvalidArgument", "list-type")
        prefix, delim, limit = q.get("prefix", ""), q.get("delimiter", ""), min(int(q.get("max-keys", 1000)), 1000)
        after = base64.urlsafe_b64decode(q["continuation-token"]).decode() if "continuation-token" in q else None
        names, prefixes, last, more = [], [], "", False
        with LOCK:
            for k in sorted(self.objects):
                if not k.startswith(prefix) or k <= q.get("start-after", "") or (after is not None and (k <= after or (delim and after.endswith(delim) and k.startswith(after)))):
                    continue
                cut = k.find(delim, len(prefix)) if delim else -1
                entry = k[: cut + len(delim)] if cut >= 0 else k
                if cut >= 0 and entry in prefixes:
                    continue
                if len(names) + len(prefixes) >= limit:
                    more = True
                    break
                (prefixes if cut >= 0 else names).append(entry)
                last = entry
            rows = "".join(f"<Contents><Key>{escape(k)}</Key><Generation>{o['gen']}</Generation><MetaGeneration>1</MetaGeneration><LastModified>{iso(o)}</LastModified><ETag>{escape(o['etag'])}</ETag><Size>{len(o['data'])}</Size></Contents>" for k in names for o in [self.objects[k]])
        rows += "".join(f"<CommonPrefixes><Prefix>{escape(p)}</Prefix></CommonPrefixes>" for p in prefixes)
        token = f"<NextContinuationToken>{base64.urlsafe_b64encode(last.encode()).decode()}</NextContinuationToken>" if more else ""
        self.reply(200, f"<?xml version='1.0' encoding='UTF-8'?><ListBucketResult xmlns='{XMLNS}'><Name>{self.bucket}</Name><Prefix>{escape(prefix)}</Prefix><KeyCount>{len(names) + len(prefixes)}</KeyCount><IsTruncated>{str(more).lower()}</IsTruncated>{token}{rows}</ListBucketResult>".encode())


def iso(o):
    return datetime.fromtimestamp(o["time"], timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"


def http_date(o):
    from email.utils import formatdate
    return formatdate(o["time"], usegmt=True)


if __name__ == "__main__":
    BUCKETS.update({b: {} for b in sys.argv[1].split(",")})
    for a in sys.argv[2:]:
        load_account(a)
    ThreadingHTTPServer.request_queue_size = 128
    ThreadingHTTPServer.daemon_threads = True
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    print("listening at 127.0.0.1:%d" % server.server_address[1], flush=True)
    server.serve_forever()
