import type { AddressInfo } from 'node:net';
import { ParsedMail, simpleParser } from 'mailparser';
import { SMTPServer, type SMTPServerOptions } from 'smtp-server';
import { until } from './until.js';

export interface Delivery {
  recipients: string[];
  mail: ParsedMail;
}

/** An SMTP server that stores messages and can refuse them. */
export class MailServer {
  readonly deliveries: Delivery[] = [];
  /** Replies to the next messages, in order; later ones are accepted. */
  readonly refusals: { status: number; text: string }[] = [];
  /** Message-IDs of all messages, refused ones included. */
  readonly offered: string[] = [];

  private constructor(private readonly server: SMTPServer) {}

  static async start(port = 0, options: SMTPServerOptions = { disabledCommands: ['STARTTLS'] }): Promise<MailServer> {
    const server = new SMTPServer({
      ...options,
      authOptional: true,
      onData: (stream, session, done) => {
        const refusal = mailServer.refusals.shift();
        simpleParser(stream, (error, mail) => {
          if (error) return done(error);
          mailServer.offered.push(mail.messageId!);
          if (refusal) return done(Object.assign(new Error(refusal.text), { responseCode: refusal.status }));
          mailServer.deliveries.push({ recipients: session.envelope.rcptTo.map(({ address }) => address), mail });
          done();
        });
      },
    });
    const mailServer = new MailServer(server);
    server.on('error', () => undefined);
    await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
    return mailServer;
  }

  get url(): string {
    return `smtp://127.0.0.1:${(this.server.server.address() as AddressInfo).port}`;
  }

  /** Waits for the first message to the address. */
  async delivery(to: string): Promise<Delivery> {
    return until(() => this.deliveries.find(({ recipients }) => recipients.includes(to)));
  }

  async stop(): Promise<void> {
    await new Promise<void>((resolve) => this.server.close(resolve));
  }
}
