package dev.koyomi.runner.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.koyomi.crds.testing.Choices;
import dev.koyomi.crds.testing.Fuzz;
import dev.koyomi.runner.testing.Billing;
import dev.koyomi.runner.testing.TestDatabase;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.Writer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneId;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.api.io.TempDir;
import picocli.CommandLine;
import picocli.CommandLine.Model.OptionSpec;

/** Whatever somebody types: an exit code that is documented, and a sentence. */
class ArgumentFuzzTest {
  @RegisterExtension static final TestDatabase DATABASE = new TestDatabase();

  @TempDir static Path folder;

  private static final List<String> VALUES =
      List.of(
          "x",
          "",
          " ",
          "0",
          "1",
          "-1",
          "2",
          "99999999999999999999",
          "2147483647",
          "9223372036854775807",
          "1e3",
          "1.5",
          "0x1",
          "\u0661",
          "2026-11-01",
          "2026-02-30",
          "0000-00-00",
          "+999999999-12-31",
          "-999999999-01-01",
          "9999-12-31",
          "294277-01-01",
          "-4714-01-01",
          "2026-11-01T09:00",
          "2026-11-01T25:00",
          "+999999999-12-31T23:59:59",
          "-999999999-01-01T00:00+18:00",
          "+294277-01-01T00:00Z",
          "2026-11-01T09:00+99:00",
          "\u0000",
          "a\u0000b",
          "\ud800",
          "\u00e9\ud83d\ude00",
          "\n",
          "a\nb",
          "\u001b[31m",
          "\u2028",
          "%s%n%d",
          "${x}",
          "$1",
          "\\",
          "'",
          "\"",
          "''",
          "*",
          "%",
          "_",
          "@",
          "@x",
          "@nosuch/file",
          "-",
          "--",
          "--x",
          "-x",
          "=",
          "a=b",
          "key=1",
          "y".repeat(10_000),
          "billing/invoices",
          "invoices",
          "billing/",
          "/",
          "//",
          "a/b/c",
          "json",
          "JSON",
          "table",
          "yaml",
          "high",
          "HIGH",
          "waiting",
          "unfinished",
          "10m",
          "0s",
          "99999h",
          "99999999999h",
          "dead",
          "Dead",
          "succeeded",
          "waiting,dead",
          "{}",
          "[]",
          "{",
          "\"x\"",
          "{\"subscriptionId\": 1, \"billingDate\": \"2026-11-01\"}",
          "{\"subscriptionId\": 1, \"billingDate\": \"\\u0000\"}",
          "{\"subscriptionId\": 1e1000000, \"billingDate\": \"\\ud800\"}",
          "{\"a\": NaN}",
          "[".repeat(5000),
          "{\"subscriptionId\": 1, \"billingDate\": 1, \"subscriptionId\": 2}");

  private static final List<String> ADDRESSES =
      List.of(
          "x",
          "",
          " ",
          "jdbc:mysql://x/y",
          "postgresql://",
          "postgresql:///x",
          "postgresql://127.0.0.1:1/x",
          "postgresql://127.0.0.1:0/x",
          "postgresql://127.0.0.1:99999/x",
          "postgresql://127.0.0.1:99999999999/x",
          "postgresql://127.0.0.1:1,127.0.0.1:2/x",
          "postgresql://u:p@127.0.0.1:1/x",
          "postgresql://%zz@127.0.0.1:1/x",
          "postgresql://u:%00@127.0.0.1:1/x",
          "postgresql://[::1/x",
          "postgresql://[::1]:1/x",
          "jdbc:postgresql://127.0.0.1:1/x?sslmode=bogus",
          "jdbc:postgresql://127.0.0.1:1/x?connectTimeout=abc",
          "jdbc:postgresql://127.0.0.1:1/x?targetServerType=bogus",
          "jdbc:postgresql://127.0.0.1:1/x?prepareThreshold=x",
          "jdbc:postgresql://127.0.0.1:1/x?socketFactory=nosuch",
          "jdbc:postgresql://127.0.0.1:1/x?a=%zz",
          "jdbc:postgresql://127.0.0.1:1/x?&&=&=x",
          "jdbc:postgresql://127.0.0.1:1/\u0000",
          "jdbc:postgresql://127.0.0.1:1/x?loginTimeout=-1",
          "jdbc:postgresql://127.0.0.1:1/\ud83d\ude00?x",
          "jdbc:postgresql://127.0.0.1:1/x?user=a&password=b&user=c");

  /** Verbs that wait for a database that is away, or work until they are stopped. */
  private static final List<String> PATIENT =
      List.of("trigger", "run", "refresh", "redispatch", "work");

  private record Words(List<String> words, Map<String, String> environment) {}

  @BeforeAll
  static void queue() throws Exception {
    Billing billing = Billing.with(DATABASE, 3);
    billing.execute("update subscription set fee = null where id = 2");
    billing.fire();
    billing.drain();
    Files.writeString(
        folder.resolve("right.yaml"),
        Files.readString(Path.of("../crds/src/test/resources/manifests/right/smallest.yaml")));
    Files.writeString(folder.resolve("wrong.yaml"), "a: [\n");
    Files.write(folder.resolve("bytes.yaml"), new byte[] {(byte) 0xff, 0, 1});
  }

  @Test
  void endsWithACodeAndASentence() {
    List<List<String>> verbs = new ArrayList<>();
    List<CommandLine> commands = new ArrayList<>();
    collect(koyomi(new Said(), Map.of()).commandLine(), List.of(), verbs, commands);
    assertThat(verbs).hasSizeGreaterThan(18);
    Fuzz.of("words of the command line", 400)
        .slow()
        .forAll(choices -> words(choices, verbs, commands), ArgumentFuzzTest::saysWhatIsWrong);
  }

  private static void collect(
      CommandLine command,
      List<String> path,
      List<List<String>> verbs,
      List<CommandLine> commands) {
    command
        .getSubcommands()
        .forEach(
            (name, below) -> {
              List<String> words = new ArrayList<>(path);
              words.add(name);
              if (!name.equals("dev")) {
                verbs.add(words);
                commands.add(below);
                collect(below, words, verbs, commands);
              }
            });
  }

  private static Words words(
      Choices choices, List<List<String>> verbs, List<CommandLine> commands) {
    int verb = choices.from(0, verbs.size() - 1);
    List<String> words = new ArrayList<>(verbs.get(verb));
    boolean patient = PATIENT.contains(words.getFirst());
    boolean near = patient || choices.once(2);
    if (words.getFirst().equals("work")) {
      words.add("--once");
    }
    for (int i = choices.of(1, 1, 1, 0, 2); i > 0; i--) {
      words.add(
          choices.of(
              choices.of("billing/invoices", "invoices"), choices.of(VALUES), file(choices)));
    }
    for (OptionSpec option : commands.get(verb).getCommandSpec().options()) {
      if (choices.from(1, 5) > 3 && !option.usageHelp()) {
        words.add(option.longestName());
        if (option.arity().max() > 0) {
          words.add(value(choices, option.longestName(), near));
        }
      }
    }
    Map<String, String> environment = new LinkedHashMap<>();
    if (near) {
      environment.put("KOYOMI_DATABASE_URI", DATABASE.address().jdbcUrl());
      environment.put("KOYOMI_DATABASE_USERNAME", DATABASE.address().username());
      environment.put("KOYOMI_DATABASE_PASSWORD", DATABASE.address().password());
    } else {
      environment.put("KOYOMI_DATABASE_URI", choices.of(ADDRESSES));
      environment.put(
          "KOYOMI_DATABASE_" + choices.of("HOST", "PORT", "NAME", "USERNAME", "PASSWORD"),
          choices.of(VALUES));
    }
    if (choices.once(3)) {
      environment.put(
          choices.of("KOYOMI_JOB_NAME", "KOYOMI_NAMESPACE", "KOYOMI_POD", "KOYOMI_COLUMNS"),
          choices.of(VALUES));
    }
    return new Words(List.copyOf(words), Map.copyOf(environment));
  }

  private static String value(Choices choices, String option, boolean near) {
    return switch (option) {
      case "--database" -> near ? DATABASE.address().jdbcUrl() : choices.of(ADDRESSES);
      case "--trigger-database" -> choices.of(ADDRESSES);
      case "--definition" -> file(choices);
      case "--run" -> choices.of("1", choices.of(VALUES));
      default -> choices.of(VALUES);
    };
  }

  private static String file(Choices choices) {
    String name =
        choices.of("right.yaml", "wrong.yaml", "bytes.yaml", "nosuch.yaml", "", "a\u0000b");
    return folder + "/" + name;
  }

  /** What a command printed. */
  private static final class Said extends Writer {
    private final StringBuilder text = new StringBuilder();

    @Override
    public void write(char[] characters, int from, int length) {
      text.append(characters, from, length);
    }

    @Override
    public void flush() {}

    @Override
    public void close() throws IOException {}
  }

  private static Koyomi koyomi(Said err, Map<String, String> environment) {
    return new Koyomi(
        new Surroundings(
            new Screen(
                new PrintWriter(new Said()),
                new PrintWriter(err, true),
                OptionalInt.empty(),
                false),
            environment,
            folder.resolve("no-local-database"),
            ZoneId.of("Asia/Tokyo"),
            () -> Instant.parse("2026-11-02T03:00:00Z"),
            new Keyboard() {
              @Override
              public boolean person() {
                return false;
              }

              @Override
              public String text() {
                return "{";
              }

              @Override
              public String line() {
                return "";
              }
            },
            Duration.ofMillis(250)));
  }

  private static void saysWhatIsWrong(Words words) {
    Said err = new Said();
    int code = koyomi(err, words.environment).run(words.words.toArray(String[]::new));
    String said = err.text.toString();
    assertThat(code).as(said).isIn(0, 1, 2, 3, 4, 75);
    assertThat(said).doesNotContain("\tat ", "Exception", "This is a bug", "java.");
    if ((code == 1 || code == 2 || code == 75)
        && !(words.words.contains("validate") && said.isEmpty())) {
      assertThat(said).matches("(?s)(koyomi: |Usage: ).{10,}[.?:'\\])].*|Usage: .*");
      assertThat(said.replace("\n", "")).doesNotContainPattern("\\p{Cntrl}");
    }
  }
}
