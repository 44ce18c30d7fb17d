// A webhook's receiver on this machine: what it was sent, and the answer it gives next.
import { createServer, type IncomingHttpHeaders, type Server } from "node:http";
import type { AddressInfo } from "node:net";

export interface Received {
  path: string;
  headers: IncomingHttpHeaders;
  body: string;
}

export class Receiver {
  readonly seen: Received[] = [];
  answer = { status: 200, body: "thank you" };

  private constructor(private readonly server: Server) {}

  static async start(): Promise<Receiver> {
    const server = createServer();
    const made = new Receiver(server);
    server.on("request", (request, response) => {
      let body = "";
      request.on("data", (piece) => {
        body += piece;
      });
      request.on("end", () => {
        made.seen.push({ path: request.url ?? "", headers: request.headers, body });
        response.writeHead(made.answer.status).end(made.answer.body);
      });
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    return made;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  close(): Promise<void> {
    return new Promise((resolve) => this.server.close(() => resolve()));
  }
}

/** In the environment of a server that may call receivers of this machine. */
export const LOOPBACK = { HOLDFAST_OUTBOUND_ALLOW: "127.0.0.0/8" };
