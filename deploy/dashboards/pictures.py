"""Draws docs/pictures/ from real data: two instances, Prometheus, traffic, and an outage of Redis in the middle.

The queries are those of the dashboards; Grafana itself is not needed. Needs a build (npm run build), prometheus, redis-server and
matplotlib:
    python3 deploy/dashboards/pictures.py [MINUTES]
"""

import base64
import json
import os
import pathlib
import random
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse
import urllib.request

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt

ROOT = pathlib.Path(__file__).resolve().parents[2]
SECONDS = float(sys.argv[1] if len(sys.argv) > 1 else 4) * 60
INSTANCES, REDIS, PROMETHEUS = [18081, 18082], 16399, 19090
PASSWORD = "brisk-otter-paints-7-doors"
folder = tempfile.TemporaryDirectory()
children = []


def start(*command, stdout=None, **env):
    log = open(f"{folder.name}/{len(children)}.log", "w")
    child = subprocess.Popen(command, cwd=ROOT, env={**os.environ, **env}, stdout=stdout or log, stderr=log, text=True)
    children.append(child)
    return child


def call(method, path, body=None, token=None):
    url = f"http://127.0.0.1:{random.choice(INSTANCES)}{path}"
    headers = {"content-type": "application/json", **({"authorization": f"Bearer {token}"} if token else {})}
    request = urllib.request.Request(url, json.dumps(body).encode() if body else None, headers, method=method)
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.load(answer)
    except (OSError, json.JSONDecodeError):
        return {}


def member(number, end):
    email = f"member{number}@example.com"
    call("POST", "/auth/register", {"email": email, "password": PASSWORD, "name": f"Member {number}"})
    session = {}
    while time.time() < end:
        if not session or random.random() < 0.02:
            wrong = random.random() < 0.2
            session = call("POST", "/auth/login", {"email": email, "password": "wrong" if wrong else PASSWORD})
        token = session.get("access_token")
        for _ in range(random.randrange(3, 12)):
            call("GET", random.choice(["/users/profile", "/users/preferences", "/auth/verify"]), token=token)
        call("PUT", "/users/profile", {"bio": f"Seen at {time.time()}"}, token)
        if random.random() < 0.1:
            session = call("POST", "/auth/refresh", {"refresh_token": session.get("refresh_token", "none")}) or session
        time.sleep(random.random() / 5)


def start_redis():
    return start("redis-server", "--port", str(REDIS), "--save", "", "--bind", "127.0.0.1")


def run():
    redis = start_redis()
    own = {"DATA_DIR": folder.name, "REDIS_URL": f"redis://127.0.0.1:{REDIS}/0"}
    servers = start("node", "scripts/run.mjs", "services", stdout=subprocess.PIPE, **own)
    env = {}
    while "KAFKA_BOOTSTRAP_SERVERS" not in env:
        name, value = servers.stdout.readline().removeprefix("export ").strip().split("=", 1)
        env[name] = value.strip("'")
    env |= {"NODE_ENV": "production", "APP_HOST": "127.0.0.1", "JWT_SECRET": base64.b64encode(os.urandom(48)).decode()}
    env |= {"ENCRYPTION_KEYS": "k1:" + base64.b64encode(os.urandom(32)).decode(), "PUBLIC_BASE_URL": "http://localhost"}
    env |= {"MAIL_DIR": folder.name, "UPLOAD_FOLDER": folder.name, "RATE_LIMIT_SIGN_INS": "100000", "ACCESS_LOG": "false"}
    targets = [f"127.0.0.1:{port}" for port in INSTANCES]
    for port in INSTANCES:
        start("node", "dist/src/main.js", **env, APP_PORT=str(port))
    config = {"scrape_configs": [{"job_name": "users", "scrape_interval": "2s", "static_configs": [{"targets": targets}]}]}
    pathlib.Path(folder.name, "prometheus.yml").write_text(json.dumps(config))
    paths = [f"--config.file={folder.name}/prometheus.yml", f"--storage.tsdb.path={folder.name}/tsdb"]
    start("prometheus", *paths, f"--web.listen-address=127.0.0.1:{PROMETHEUS}")
    while not call("GET", "/ready"):
        time.sleep(0.5)
    time.sleep(5)
    began, end = time.time(), time.time() + SECONDS
    members = [threading.Thread(target=member, args=(number, end)) for number in range(12)]
    for thread in members:
        thread.start()
    time.sleep(SECONDS * 0.5)
    redis.kill()
    time.sleep(SECONDS * 0.15)
    start_redis()
    for thread in members:
        thread.join()
    return began, end


def query(expression, began, end):
    parameters = {"query": expression.replace("$__rate_interval", "20s"), "start": began, "end": end, "step": 2}
    url = f"http://127.0.0.1:{PROMETHEUS}/api/v1/query_range?{urllib.parse.urlencode(parameters)}"
    with urllib.request.urlopen(url) as answer:
        return json.load(answer)["data"]["result"]


def draw(file, began, end):
    dashboard = json.loads(file.read_text())
    panels = dashboard["panels"]
    figure, axes = plt.subplots(-(-len(panels) // 3), 3, figsize=(18, 3.6 * -(-len(panels) // 3)), layout="constrained")
    figure.suptitle(dashboard["title"], fontsize=16)
    for axis in axes.flat[len(panels) :]:
        axis.axis("off")
    for panel, axis in zip(panels, axes.flat):
        for target in panel["targets"]:
            for series in query(target["expr"], began, end):
                label = target["legendFormat"]
                for name, value in series["metric"].items():
                    label = label.replace("{{%s}}" % name, value)
                points = [(float(at) - began, float(value)) for at, value in series["values"]]
                axis.plot(*zip(*points), label=label, linewidth=1.2)
        axis.set_title(f"{panel['title']} [{panel['fieldConfig']['defaults']['unit']}]", fontsize=10)
        axis.set_ylim(bottom=0)
        axis.grid(alpha=0.3)
        if axis.lines:
            axis.legend(fontsize=7, ncols=2)
        else:
            axis.text(0.5, 0.5, "nothing happened", ha="center", transform=axis.transAxes, color="gray")
    (ROOT / "docs/pictures").mkdir(exist_ok=True)
    figure.savefig(ROOT / f"docs/pictures/{file.stem}.png", dpi=65)


try:
    times = run()
    for dashboard_file in sorted((ROOT / "deploy/dashboards").glob("*.json")):
        draw(dashboard_file, *times)
finally:
    for child in reversed(children):
        child.terminate()
    for child in children:
        child.wait()
