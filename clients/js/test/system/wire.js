import { connect, createServer } from 'node:net';

/** A TCP proxy to the platform: the network that the test breaks. */
export class Wire {
  #server;
  #sockets = new Set();
  #isDown = false;

  /** Started, and stopped after the test. */
  static async start(t, url) {
    const wire = new Wire();
    const { hostname, port } = new URL(url);
    wire.#server = createServer((client) => {
      if (wire.#isDown) {
        client.destroy();
        return;
      }
      const platform = connect({ host: hostname, port: Number(port) });
      for (const [socket, other] of [[client, platform], [platform, client]]) {
        wire.#sockets.add(socket);
        socket.on('close', () => { wire.#sockets.delete(socket); other.destroy(); });
        socket.on('error', () => other.destroy()); // a cut is what the test wants
        socket.pipe(other);
      }
    });
    await new Promise((resolve) => wire.#server.listen(0, '127.0.0.1', resolve));
    t.after(() => {
      wire.cut();
      wire.#server.close();
    });
    return wire;
  }

  get url() {
    return `http://127.0.0.1:${this.#server.address().port}`;
  }

  /** Resets all connections. */
  cut() {
    for (const socket of this.#sockets) socket.resetAndDestroy();
  }

  /** Resets all connections, and new ones too until `up`. */
  down() {
    this.#isDown = true;
    this.cut();
  }

  up() {
    this.#isDown = false;
  }
}
