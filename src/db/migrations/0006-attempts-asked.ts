import { Migration } from '@mikro-orm/migrations';

/** `task.attempts_asked`: whether its caller said how many attempts it may have, which then counts more than retry rules. */
export class AttemptsAsked extends Migration {
  override name = '0006-attempts-asked';

  override up(): void {
    this.addSql('alter table task add column attempts_asked boolean not null default false');
  }
}
