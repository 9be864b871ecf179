import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';

/** Another Node process that runs a script of a test. */
export interface ScriptProcess extends AsyncDisposable {
  pid: number;
  /** The first line that the script has printed; rejects if it ended without one. */
  firstLine: Promise<string>;
  /** Ends it as the power cut would, and waits until it is gone. */
  kill(): Promise<void>;
}

/** Starts Node with an ES module given as text; `import` takes URLs of `.ts` files. */
export function startScript(source: string): ScriptProcess {
  const child = spawn(process.execPath, ['--input-type=module', '--eval', source], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const exited = once(child, 'exit');
  const kill = async (): Promise<void> => {
    child.kill('SIGKILL');
    await exited;
  };
  const firstLine = Promise.race([
    once(createInterface(child.stdout), 'line').then(([line]) => String(line)),
    once(child, 'close').then(([code]) => Promise.reject(new Error(`the script ended with ${code}, printing no line`))),
  ]);
  firstLine.catch(() => {}); // a test may have no interest in it
  return { pid: child.pid!, firstLine, kill, [Symbol.asyncDispose]: kill };
}
