#!/usr/bin/env python3
"""One end of a WebRTC call: Chromium without a window and the server of its page, both in this network namespace.

    browser.py (say|hear) FOLDER SAID.wav

The two ends and measure.py pass notes as files of FOLDER: offer, answer, connected, start, stop, mouth, ear, heard (PCM),
problem. Ends when its input does.
"""

import http.server
import os
import pathlib
import subprocess
import sys
import threading
import time

LOOK = 0.02
PAGE = pathlib.Path(__file__).with_name('page.html')
FLAGS = ['--headless=new', '--no-sandbox', '--disable-gpu', '--disable-audio-output', '--mute-audio', '--no-first-run',
         '--autoplay-policy=no-user-gesture-required', '--disable-features=WebRtcHideLocalIpsWithMdns',
         '--disable-background-networking', '--disable-background-timer-throttling', '--disable-renderer-backgrounding',
         '--disable-backgrounding-occluded-windows']


class Notes(http.server.BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'
    folder = said = None

    def answer(self, body, kind='text/plain'):
        self.send_response(200)
        self.send_header('Content-Type', kind)
        self.send_header('Content-Length', str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        path, _, name = self.path.partition('?')
        if path in ('/say', '/hear'):
            self.answer(PAGE.read_bytes(), 'text/html')
        elif path == '/said.wav':
            self.answer(self.said.read_bytes(), 'audio/wav')
        elif path == '/get':
            while not (self.folder / name).exists():
                time.sleep(LOOK)
            self.answer((self.folder / name).read_bytes())
        else:
            self.send_error(404)

    def do_POST(self):
        name = self.path.partition('?')[2]
        part = self.folder / f'{name}.part'
        part.write_bytes(self.rfile.read(int(self.headers['Content-Length'])))
        part.rename(self.folder / name)
        self.answer(b'')

    def log_message(self, *_):
        pass


def main():
    role, folder, said = sys.argv[1], pathlib.Path(sys.argv[2]), pathlib.Path(sys.argv[3])
    Notes.folder, Notes.said = folder, said
    server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), Notes)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    profile = folder / f'profile-{role}'
    with open(folder / f'{role}.log', 'wb') as log:
        child = subprocess.Popen(['chromium', *FLAGS, f'--user-data-dir={profile}',
                                  f'http://localhost:{server.server_port}/{role}'], stdout=log, stderr=log,
                                 env={**os.environ, 'HOME': str(folder)})
        sys.stdin.read()
        child.terminate()
        try:
            child.wait(5)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()


if __name__ == '__main__':
    main()
