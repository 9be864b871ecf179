import { spawn } from 'node:child_process';
import { text } from 'node:stream/consumers';

/** Who a program runs as; only root can choose. */
export interface SystemUser {
  uid: number;
  gid: number;
}

export interface RunToolOptions {
  cwd?: string | undefined;
  /** Replaces the environment; default: this process's own. */
  env?: NodeJS.ProcessEnv | undefined;
  /** Default: this process's own user. */
  user?: SystemUser | undefined;
  /** Written to the program's standard input; default nothing. */
  input?: string;
}

/** A program ended otherwise than with exit code 0, or could not be started. */
export class ToolFailedError extends Error {
  /** What the program wrote to its output and its error output. */
  readonly output: string;

  constructor(command: string, outcome: string, output: string, options?: ErrorOptions) {
    super(`Expected «${command}» to succeed, got ${outcome}${output === '' ? '' : `:\n${output}`}`, options);
    this.name = 'ToolFailedError';
    this.output = output;
  }
}

/**
 * Runs a program to its end and answers all that it wrote.
 *
 * @throws ToolFailedError with what it wrote.
 */
export async function runTool(file: string, args: string[], options: RunToolOptions = {}): Promise<string> {
  const { cwd, env = process.env, user, input = '' } = options;
  const command = [file, ...args].join(' ');
  const child = spawn(file, args, { cwd, env, ...user, stdio: 'pipe' });
  child.stdin.on('error', () => {}); // a program may end before it has read its input; its exit code tells
  child.stdin.end(input);
  const ended = new Promise<string>((resolve, reject) => {
    child.once('error', (cause) => reject(new ToolFailedError(command, cause.message, '', { cause })));
    child.once('close', (code, signal) => resolve(signal ?? `exit code ${code}`));
  });
  const [outcome, stdout, stderr] = await Promise.all([ended, text(child.stdout), text(child.stderr)]);
  const output = `${stdout}${stderr}`.trim();
  if (outcome !== 'exit code 0') throw new ToolFailedError(command, outcome, output);
  return output;
}
