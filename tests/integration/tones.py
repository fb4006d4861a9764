"""Who is heard in a recording, when each of those who speak says one tone."""

import array
import cmath
import math
import wave

RATE = 48000
# A tone that is there and one that is not, of full scale.
HEARD, NOT_HEARD = 0.05, 0.01
LISTENED = 1


def tone(path, hertz, seconds):
    samples = array.array('h', (int(6000 * math.sin(2 * math.pi * hertz * i / RATE)) for i in range(RATE)))
    with wave.open(str(path), 'wb') as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(RATE)
        out.writeframes(samples.tobytes() * seconds)


def shares(path, tones, before_end):
    """How much of whose tone is in the second that ends so many seconds before the recording's end."""
    with wave.open(str(path), 'rb') as recording:
        samples = array.array('h', recording.readframes(recording.getnframes()))
    end = len(samples) - int(before_end * RATE)
    part = samples[end - LISTENED * RATE:end:4]  # up to 6 kHz
    assert len(part) == LISTENED * RATE // 4, f'{path} is {len(samples) / RATE:.1f} s long'
    out = {}
    for who, hertz in tones.items():
        turn = cmath.exp(-2j * math.pi * hertz * 4 / RATE)
        angle, total = 1, 0
        for sample in part:
            total += sample * angle
            angle *= turn
        out[who] = 2 * abs(total) / len(part) / 32768
    return out


def expect(test, listener, path, tones, before_end, wanted):
    """In that second of what the listener heard are these, and nobody else."""
    found = shares(path, tones, before_end)
    test.say(f'{listener} hears {", ".join(f"{who} {share:.3f}" for who, share in found.items())}')
    for who, share in found.items():
        if who in wanted:
            test.assertGreater(share, HEARD, f'{listener} is to hear {who}')
        else:
            test.assertLess(share, NOT_HEARD, f'{listener} is not to hear {who}')
