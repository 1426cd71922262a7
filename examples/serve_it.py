"""A trained model over HTTP: start the service, ask it, end it.

pip install "recbole-metarec[serve]"
python examples/serve_it.py
"""

import json
import signal
import subprocess
import sys
from urllib.request import Request, urlopen

from made_up_tables import write_datasets

import recbole_metarec as rm

(trained,) = rm.run(write_datasets("made-up"), model="Evidence", scratch_control=False, evidence_worth=False)

# In a terminal: recbole-metarec serve CHECKPOINT. Port 0 takes one that is free. The address is printed when it is
# ready, and is also that of a page to try the model on.
command = [sys.executable, "-m", "recbole_metarec", "serve", trained.checkpoint, "--port=0"]
with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
    try:
        address = next(line for line in server.stdout if line.startswith("http")).split()[0]

        def ask(path, question=None):
            """Get an answer, or post a question for one."""
            body = None if question is None else json.dumps(question).encode()
            with urlopen(Request(address + path, body, {"content-type": "application/json"})) as answer:
                return json.load(answer)

        print("health", ask("/health"))

        found = ask("/items?q=feeder")["items"][0]
        print("found", found)

        # Two customers in one request: of the second nothing is known, so that what is in fashion counts.
        question = {"sequences": [[found["item_id"]], []], "k": 3, "at": "2026-05-23"}
        for answer in ask("/recommend", question)["recommendations"]:
            print("recommended", [each["title"] for each in answer])
    finally:
        server.send_signal(signal.SIGINT)  # as Ctrl-C does; requests that have come in are answered
        server.wait()
print("ended with status", server.returncode)
