package dev.koyomi.runner.worker;

import static org.assertj.core.api.Assertions.assertThat;

import dev.koyomi.runner.testing.Billing;
import dev.koyomi.runner.testing.TestDatabase;
import java.time.Duration;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What a Unit needs is away: for all jobs, or for one only. */
@Timeout(60)
final class UnreachableDbTest {
  @RegisterExtension static final TestDatabase DATABASE = new TestDatabase();

  private static final String EACH = "{mode: Each}";

  private static Billing billing(int subscriptions, String commit) {
    DATABASE
        .jdbi()
        .useHandle(
            handle -> {
              handle.execute("drop table if exists away");
              handle.execute("create table away (id int)");
              handle.execute("drop sequence if exists asked");
              handle.execute("create sequence asked");
              handle.execute(
                  """
                  create or replace function reach(p_id int) returns int language plpgsql as $$
                  begin
                    if exists (select from away where id = p_id) then
                      perform nextval('asked');
                      raise exception 'no room' using errcode = '53100';
                    end if;
                    return p_id;
                  end $$
                  """);
            });
    return Billing.with(
        DATABASE,
        subscriptions,
        Billing.committing(
                Billing.unit(
                    commit.contains("Chunk")
                        ? "SELECT reach(job.\"subscriptionId\") FROM koyomi.jobs() AS"
                            + " job(\"subscriptionId\" int)"
                        : "SELECT reach(:subscriptionId)"),
                commit)
            .replaceAll("concurrency: [0-9]+", "concurrency: 1"));
  }

  private static WorkerProcess worker(Billing billing) {
    return billing.worker(
        new WorkerProcess.Settings(
            "pod",
            EndRule.Drained,
            true,
            Duration.ofMillis(100),
            Duration.ofSeconds(10),
            Duration.ofMillis(50),
            Thread.ofPlatform().factory()),
        System::nanoTime);
  }

  /** One that never reaches it must not hold up the others, nor stay for ever. */
  @ParameterizedTest
  @ValueSource(strings = {EACH, "{mode: Many, jobs: 7}", "{mode: Chunk}"})
  void aJobThatCannotReachWhatOthersReachHasFailed(String commit) throws Exception {
    Billing billing = billing(40, commit);
    billing.execute("insert into away values (5)");
    billing.fire();

    try (WorkerProcess worker = worker(billing).start()) {
      worker.awaitEnd();
    }

    assertThat(billing.run()).isEqualTo("PartiallyFailed 40/39/0/1");
    assertThat(billing.text("select key || ' ' || attempt || ' ' || error_class from koyomi.dead"))
        .isEqualTo("5 2 53100");
  }

  /** Waiting is no attempt. */
  @Test
  void whatIsAwayForAllIsWaitedFor() throws Exception {
    Billing billing = billing(40, EACH);
    billing.execute("insert into away select generate_series(1, 40)");
    billing.fire();

    try (WorkerProcess worker = worker(billing).start()) {
      long deadline = System.nanoTime() + Duration.ofSeconds(60).toNanos();
      while (billing.count("select last_value from asked") < 100) {
        assertThat(System.nanoTime()).isLessThan(deadline);
        Thread.onSpinWait();
      }
      while (billing.count("select count(*) from koyomi.worker where hindered ~ 'no room'") == 0) {
        assertThat(System.nanoTime()).isLessThan(deadline);
        Thread.onSpinWait();
      }
      billing.execute("delete from away");
      worker.awaitEnd();
    }

    assertThat(billing.run()).isEqualTo("Succeeded 40/40/0/0");
    assertThat(billing.count("select count(*) from koyomi.failure")).isZero();
  }
}
