package dev.koyomi.crds.plan;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.fail;

import com.fasterxml.jackson.databind.JsonNode;
import com.sun.management.ThreadMXBean;
import dev.koyomi.crds.testing.Choices;
import dev.koyomi.crds.testing.Fuzz;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;

/** Whatever a file holds, it is planned, or it is said in sentences what is wrong with it. */
class ManifestFuzzTest {
  private static final Duration LONGEST = Duration.ofSeconds(5);
  private static final long MOST_BYTES = 3_000_000_000L;

  /** What only a program would say. */
  private static final Pattern PROGRAM =
      Pattern.compile(
          "Exception|Error\\b|\\bat [a-z]+\\.[a-z]+\\.|\\[[BLI]@?[a-z0-9]|@[0-9a-f]{6,8}\\b"
              + "|\\b(?:java|jdk|org|com)\\.[a-z]+\\.");

  private static final Pattern SCALAR = Pattern.compile("(?<=[:\\[,-] )[^\\[\\]{}\\n,]+");

  private static final List<String> ODD =
      List.of(
          "x",
          "0",
          "-1",
          "1.5",
          "true",
          "no",
          "~",
          "[]",
          "{}",
          "''",
          "\"\"",
          "[a, b]",
          "{a: b}",
          ".nan",
          ".inf",
          "-.inf",
          "1e999999",
          "1e-9",
          "-0.0",
          "99999999999999999999",
          "0x_",
          "0b_",
          "0_",
          "0x",
          "+0_",
          "._",
          "+.",
          "-",
          "+",
          "0o7",
          "09",
          "1_000",
          "1:30",
          "1:30.5",
          "2026-11-01",
          "2026-11-01T00:00:00Z",
          "!!binary aGFsbG8=",
          "!!binary ?",
          "!!int x",
          "!!int 1.5",
          "!!int ''",
          "!!float x",
          "!!float ''",
          "!!bool x",
          "!!bool ''",
          "!!null x",
          "!!str 1",
          "!!str [a]",
          "!!map [a]",
          "!!seq {a: b}",
          "!!timestamp 2026-11-01",
          "!!timestamp x",
          "!!set {a, b}",
          "!!omap [a: 1, b: 2]",
          "!!omap [a]",
          "!!pairs [a: 1]",
          "&a !!pairs [x: *a]",
          "&a !!omap [x: *a]",
          "&a !!set {*a : b}",
          "!!merge x",
          "!!value x",
          "!widget x",
          "!<!> x",
          "!",
          "! x",
          "!! x",
          "&a [*a]",
          "&a {x: *a}",
          "&a {*a : b}",
          "&a [{*a : b}]",
          "&a [{? [*a] : b}]",
          "*b",
          "{<<: x}",
          "{<<: [x]}",
          "{<<: {a: b}}",
          "{? {a: b} : c}",
          "{? [a] : c}",
          "{~: c}",
          "{1: a, 1.0: b}",
          "{!!binary aGFs : c}",
          "{!!timestamp 2026-11-01 : c}",
          "\"\\0\"",
          "\"a\\0b\"",
          "\"\\ud800\"",
          "\"\\ud83d\\ude00\"",
          "\"\\U0001F600\"",
          "\"\\U00110000\"",
          "\"\\xzz\"",
          "\"\\u0085\\u2028\\u2029\"",
          "\"a\\nb\"",
          "\"\\u202e\"",
          "\"\\b\\e\"",
          "\uFEFF",
          "a\uFEFFb",
          "\u0000",
          "\u0007",
          "\u0085",
          "\u2028",
          "\ud800",
          "\ud83d\ude00",
          "\ufffe",
          "'",
          "\"",
          "|",
          ">",
          "|9",
          "|+-",
          "@x",
          "`x`",
          "%x",
          "#x",
          "? x",
          ": x",
          "- x",
          "x: y",
          "x: y: z",
          "---",
          "...",
          "{",
          "[",
          "}",
          "]",
          ",",
          "\t",
          "\tx",
          "\"@hourly\"",
          "\"* * * * *\"",
          "\"0 0 30 2 *\"",
          "\"99999999999 * * * *\"",
          "\"*/0 * * * *\"",
          "\"5-1 * * * *\"",
          "\"1,,2 * * * *\"",
          "Asia/Tokyo",
          "+09:00",
          "GMT+9",
          "99999h",
          "99999999999h",
          "1h1h",
          "-1s",
          "1e3s",
          "9999999/s",
          "0/s",
          "1/d",
          "1Ei",
          "99999999999999999999Ei",
          "1e99",
          "1e-99",
          ".Ki",
          "\"SELECT ':a\"",
          "\"SELECT 1; COMMIT\"",
          "\"select $x$ :y\"",
          "\"select 1 as key\"",
          "\"select \\0\"",
          "\"select :\\u2028\"",
          "\"select '\\ud800'\"",
          "\"select /* \"",
          "\";\"",
          "\"koyomi.jobs() as j(a int)\"",
          "\"koyomi.jobs()\"",
          "\"select :a, $1\"");

  private static final List<String> FIELDS =
      List.of(
          "kind",
          "spec",
          "status",
          "metadata",
          "name",
          "namespace",
          "generation",
          "schedules",
          "cron",
          "trigger",
          "sql",
          "unit",
          "job",
          "retry",
          "\"on\"",
          "on",
          "errors",
          "backoff",
          "delays",
          "jitter",
          "factor",
          "order",
          "mode",
          "lanes",
          "limits",
          "rate",
          "commit",
          "jobs",
          "workers",
          "recycle",
          "resources",
          "requests",
          "env",
          "valueFrom",
          "database",
          "history",
          "days",
          "timeZone",
          "<<",
          "\"\"",
          "\"a\\nb\"",
          "\"\\0\"",
          "\"\\ud800\"",
          "~",
          "1",
          "? [a]",
          "toString",
          "class",
          "%s",
          "\"%d %n\"",
          "$1");

  @Test
  void saysInSentencesWhatIsWrongWithAFile() throws IOException {
    List<String> right = right();
    Fuzz.of("manifests", 4000)
        .forAll(choices -> changed(choices, right), ManifestFuzzTest::isPlannedOrExplained);
  }

  @Test
  void readsWhatIsNoManifestAtAll() {
    List<String> pieces = new ArrayList<>(ODD);
    pieces.addAll(List.of("a: ", "- ", "\n", "  ", "&a ", "*a", "a", ": ", ", ", "\n---\n", "!!"));
    Fuzz.of("texts in the place of a manifest", 4000)
        .forAll(
            choices -> choices.text(0, 12, () -> choices.of(pieces)),
            ManifestFuzzTest::isPlannedOrExplained);
  }

  @Test
  void readsVeryLongTexts() throws IOException {
    List<String> right = right();
    Fuzz.of("manifests with very long texts", 60)
        .slow()
        .forAll(choices -> withLongText(choices, right), ManifestFuzzTest::isPlannedOrExplained);
  }

  private static List<String> right() throws IOException {
    List<String> right = new ArrayList<>();
    try (var files = Files.list(Path.of("src/test/resources/manifests/right"))) {
      for (Path file : files.sorted().toList()) {
        right.add(Files.readString(file));
      }
    }
    return right;
  }

  private static String changed(Choices choices, List<String> right) {
    String yaml = choices.of(right);
    for (int i = choices.from(1, 3); i > 0; i--) {
      yaml = changedOnce(choices, yaml);
    }
    return yaml;
  }

  private static String changedOnce(Choices choices, String yaml) {
    List<String> lines = new ArrayList<>(yaml.lines().toList());
    int at = choices.from(0, lines.size() - 1);
    String line = lines.get(at);
    String indent = line.substring(0, line.length() - line.stripLeading().length());
    switch (choices.from(0, 9)) {
      case 0, 1, 2, 3 -> {
        return withScalar(choices, yaml, choices.of(ODD));
      }
      case 4 -> lines.remove(at);
      case 5 -> lines.add(at, line);
      case 6 -> lines.add(at, indent + choices.of(FIELDS) + ": " + choices.of(ODD));
      case 7 ->
          lines.set(
              at,
              line.replaceFirst("[\\w\"]+:", Matcher.quoteReplacement(choices.of(FIELDS) + ":")));
      case 8 -> lines.set(at, choices.of("  ", "\t", " ", "---\n", "- ", "# ") + line);
      default -> {
        int cut = choices.from(0, yaml.length() - 1);
        return yaml.substring(0, cut) + choices.of(ODD) + yaml.substring(cut + choices.from(0, 1));
      }
    }
    return String.join("\n", lines) + "\n";
  }

  private static String withScalar(Choices choices, String yaml, String scalar) {
    List<Integer> starts = SCALAR.matcher(yaml).results().map(found -> found.start()).toList();
    if (starts.isEmpty()) {
      return yaml + scalar;
    }
    int start = choices.of(starts);
    Matcher old = SCALAR.matcher(yaml);
    return old.find(start)
        ? yaml.substring(0, old.start()) + scalar + yaml.substring(old.end())
        : yaml + scalar;
  }

  private static String withLongText(Choices choices, List<String> right) {
    int length = choices.of(1_000, 20_000, 300_000, 1_000_000);
    String piece =
        choices.of(
            "a",
            "9",
            "a.",
            "a-",
            "a/",
            "'",
            "[",
            "{a: ",
            "(",
            "0 ",
            "*/",
            "$",
            ":a ",
            "\\",
            "-- ",
            "\u00e9",
            ",",
            "_",
            "?",
            "\"\"",
            "koyomi.jobs() as j(a int,",
            "a,");
    String text = piece.repeat(Math.max(1, length / piece.length()));
    String yaml = choices.of(right);
    return switch (choices.from(0, 3)) {
      case 0 -> withScalar(choices, yaml, text);
      case 1 -> withScalar(choices, yaml, "'" + text.replace("'", "''") + "'");
      case 2 ->
          yaml.replaceFirst(
              "spec:", Matcher.quoteReplacement("'" + text.replace("'", "''") + "': x\nspec:"));
      default -> yaml + "  '" + text.replace("'", "''") + "': x\n";
    };
  }

  private static void isPlannedOrExplained(String yaml) {
    ThreadMXBean memory = (ThreadMXBean) ManagementFactory.getThreadMXBean();
    long bytes = memory.getCurrentThreadAllocatedBytes();
    long begin = System.nanoTime();
    plan(yaml);
    assertThat(Duration.ofNanos(System.nanoTime() - begin)).isLessThan(LONGEST);
    assertThat(memory.getCurrentThreadAllocatedBytes() - bytes).isLessThan(MOST_BYTES);
  }

  private static void plan(String yaml) {
    List<JsonNode> documents;
    try {
      documents = Manifests.read(yaml);
    } catch (ManifestProblem problem) {
      isSentence(problem.getMessage());
      return;
    } catch (RuntimeException | StackOverflowError e) {
      throw new AssertionError("read", e);
    }
    documents.forEach(ManifestFuzzTest::plan);
  }

  private static void plan(JsonNode document) {
    switch (Planner.plan(document)) {
      case Planned.Valid(Plan plan, Definition definition) -> {
        Planned again = null;
        try {
          again = Planner.plan(Manifests.read(definition.json()).getFirst());
        } catch (ManifestProblem problem) {
          fail(problem.getMessage());
        }
        assertThat(again).as(definition.json()).isInstanceOf(Planned.Valid.class);
        assertThat(((Planned.Valid) again).definition()).isEqualTo(definition);
        assertThat(definition.json()).doesNotContain("\\u0000").matches(ManifestFuzzTest::isUtf8);
        assertThat(plan.batch().name()).isNotEmpty();
      }
      case Planned.Invalid(List<Problem> problems) -> {
        assertThat(problems).isNotEmpty();
        for (Problem problem : problems) {
          assertThat(problem.field()).isNotEmpty();
          isSentence(problem.toString());
        }
      }
    }
  }

  private static boolean isUtf8(String text) {
    return java.nio.charset.StandardCharsets.UTF_8.newEncoder().canEncode(text);
  }

  private static void isSentence(String sentence) {
    assertThat(sentence)
        .matches("(?s).*[.?]")
        .hasSizeBetween(10, 1000)
        .doesNotContainPattern("\\R|\\p{Cntrl}|\\p{Cs}|[\\u2028\\u2029]");
    assertThat(sentence).doesNotContainPattern(PROGRAM);
  }
}
