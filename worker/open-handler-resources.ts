import { join } from 'node:path';
import type { Config } from '../src/config.ts';
import type { Orm } from '../src/db/orm.ts';
import type { FileStore } from '../src/files/file-store.ts';
import { openMailer } from './mailer.ts';
import type { HandlerResources } from './task-handler.ts';

const GATEWAY_TIMEOUT_MS = 10_000;

/** Opens what handlers use of the outside, in a worker or in a child. Close the mailer in the end. */
export function openHandlerResources(config: Config, { orm, files }: { orm: Orm; files: FileStore }): HandlerResources {
  const mailer = openMailer({
    smtpUrl: config.smtpUrl,
    outboxDir: join(config.dataDir, 'outbox'),
    from: config.mailFrom,
  });
  const gateways = {
    paymentUrl: config.paymentGatewayUrl,
    exchangeRatesUrl: config.exchangeRatesUrl,
    timeoutMs: GATEWAY_TIMEOUT_MS,
  };
  return { files, tempDir: join(config.dataDir, 'tmp'), orm, mailer, gateways };
}
