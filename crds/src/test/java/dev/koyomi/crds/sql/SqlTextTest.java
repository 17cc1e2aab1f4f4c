package dev.koyomi.crds.sql;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.koyomi.crds.sql.SqlText.Statement;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class SqlTextTest {
  @Test
  void turnsNamedParametersIntoQuestionMarksInOrder() throws Exception {
    SqlText sql = SqlText.parse("INSERT INTO a VALUES (:x, :billingDate, :x, :_1, :größe)");
    Statement statement = sql.statements().getFirst();
    assertThat(statement.text()).isEqualTo("INSERT INTO a VALUES (?, ?, ?, ?, ?)");
    assertThat(statement.parameters()).containsExactly("x", "billingDate", "x", "_1", "größe");
    assertThat(sql.parameters()).containsExactly("x", "billingDate", "_1", "größe");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "SELECT ':a'",
        "SELECT 'it''s :a'",
        "SELECT '\\' AS \":a\"",
        "SELECT E'it\\'s :a'",
        "SELECT e'\\\\' AS b, ':a'",
        "SELECT U&'\\0041 :a'",
        "SELECT \"a\"\":a\"",
        "SELECT $$ :a ' $$",
        "SELECT $tag$ :a $$ $other$ $tag$",
        "SELECT $größe$ :a $größe$",
        "SELECT a$b:: int FROM c",
        "SELECT 1 -- :a 'b \"",
        "SELECT 1 --:a\r\n, 2",
        "SELECT /* :a 'b */ 1",
        "SELECT 1 --:a 'b\r, 2",
        "SELECT E'a\\'' -- 'x\n, 2",
        "SELECT now()::date",
        "SELECT x :: int",
        "CALL p(a := 1)",
        "SELECT a[1:2], a[lo:hi], a[f(1):g(2)], a[b[1]:\"c\"], a[1 : 2], a[:], a[1:]",
        "SELECT 1e5, 0x1F, 1.5, .5",
        "SELECT ':' || 'a: b'",
      })
  void leavesAllThatIsNoParameterAsItIs(String text) throws Exception {
    SqlText sql = SqlText.parse(text);
    assertThat(sql.statements()).extracting(Statement::text).containsExactly(text);
    assertThat(sql.parameters()).isEmpty();
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '¦',
      quoteCharacter = '\0',
      value = {
        "SELECT :a::int ¦ SELECT ?::int",
        "SELECT x=:a ¦ SELECT x=?",
        "SELECT a[:i] ¦ SELECT a[?]",
        "SELECT a[:lo : :hi] ¦ SELECT a[? : ?]",
        "SELECT a[CASE WHEN :x THEN 1 END] ¦ SELECT a[CASE WHEN ? THEN 1 END]",
        "SELECT ARRAY[:a,:b] ¦ SELECT ARRAY[?,?]",
        "SELECT (:a)::int[] ¦ SELECT (?)::int[]",
        "SELECT 'x'||:a||'y' ¦ SELECT 'x'||?||'y'",
        "SELECT 'x' -- it's\\n, :a ¦ SELECT 'x' -- it's\\n, ?",
        "CALL p(a => :a) ¦ CALL p(a => ?)",
      })
  void findsParametersBesideAllKindsOfThings(String text, String wanted) throws Exception {
    SqlText sql = SqlText.parse(text.replace("\\n", "\n"));
    assertThat(sql.statements().getFirst().text()).isEqualTo(wanted.replace("\\n", "\n"));
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '¦',
      quoteCharacter = '\0',
      value = {
        "SELECT /* :a /* 'nested */ :b */ 1 ¦ SELECT   1",
        "SELECT /*/ :a ' */ 1 ¦ SELECT   1",
        "SELECT E'a'\\n -- 'b\\n'\\'; COMMIT; --' ¦ SELECT E'a\\'; COMMIT; --'",
        "SELECT 1 AS x:a ¦ SELECT 1 AS x ?",
        "SELECT :a:b ¦ SELECT ? ?",
        "SELECT a ?:b ¦ SELECT a ?? ?",
      })
  void givesTheDriverWhatItReadsAsTheServerDoes(String text, String wanted) throws Exception {
    SqlText sql = SqlText.parse(text.replace("\\n", "\n"));
    assertThat(sql.statements()).extracting(Statement::text).containsExactly(wanted);
    assertThat(sql.statements().getFirst().rendered(name -> ":" + name).replace(" :", ":"))
        .isEqualTo(text.replace("\\n", "\n").replace(" :", ":"));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {"SELECT 1 --\r; COMMIT", "SELECT E'a'\n'\\''; COMMIT", "SELECT 1;\u000bCOMMIT"})
  void seesACommitThatTheServerSees(String text) throws Exception {
    assertThat(SqlText.parse(text).statements())
        .extracting(Statement::keyword)
        .containsExactly("SELECT", "COMMIT");
  }

  @ParameterizedTest
  @ValueSource(strings = {"\u2003COMMIT", "\u00a0COMMIT", "COMMIT\u2003", "\u001cCOMMIT"})
  void leavesBlanksThatAreNoneToTheServer(String text) throws Exception {
    assertThat(SqlText.parse(text).statements()).extracting(Statement::text).containsExactly(text);
  }

  @Test
  void doublesTheQuestionMarksOfOperatorsForJdbc() throws Exception {
    SqlText sql = SqlText.parse("SELECT a ? 'b?', c ?| d, e @? '$.f ? (@ > 1)' -- ?\n, \"?\", :g");
    assertThat(sql.statements().getFirst().text())
        .isEqualTo("SELECT a ?? 'b?', c ??| d, e @?? '$.f ? (@ > 1)' -- ?\n, \"?\", ?");
    assertThat(sql.parameters()).containsExactly("g");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '¦',
      quoteCharacter = '\0',
      value = {
        "SELECT 1 ¦ SELECT 1",
        "  :a  ¦ <a>",
        "SELECT a ? 'b?' || :x::text ¦ SELECT a ? 'b?' || <x>::text",
        "VALUES (:a,:b, :a) -- :c ? ¦ VALUES (<a>,<b>, <a>) -- :c ?",
        "SELECT :a FROM koyomi.jobs() AS j(a int)"
            + " ¦ SELECT <a> FROM (select c1::int as \"a\" from unnest(koyomi.column('a')) as"
            + " u(c1)) AS j",
      })
  void putsWhatIsWantedInThePlaceOfEachParameter(String text, String wanted) throws Exception {
    Statement statement = SqlText.parse(text).statements().getFirst();
    assertThat(statement.rendered(name -> "<" + name + ">")).isEqualTo(wanted);
  }

  @Test
  void rendersEachStatementWithItsOwnParameters() throws Exception {
    assertThat(SqlText.parse("SELECT :a ; SELECT 2; SELECT :b, 3").statements())
        .extracting(statement -> statement.rendered(name -> "$" + name))
        .containsExactly("SELECT $a", "SELECT 2", "SELECT $b, 3");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "koyomi.jobs() AS j(a int)",
        "KOYOMI.Jobs() as j(a int)",
        "koyomi . jobs ( ) j (a int)",
        "koyomi\n.\tjobs(\n)AS j(A int)",
        "koyomi.jobs() /* all ( */ AS -- of them\n j(\n\"a\" int -- the first\n)",
      })
  void turnsTheJobsIntoRows(String call) throws Exception {
    SqlText sql = SqlText.parse("SELECT 1; SELECT * FROM " + call + " WHERE a ? b");
    assertThat(sql.usesJobs()).isTrue();
    assertThat(sql.statements()).extracting(Statement::usesJobs).containsExactly(false, true);
    String rows = "(select c1::int as \"a\" from unnest(koyomi.column('a')) as u(c1)) AS j";
    assertThat(sql.statements().getLast().text())
        .isEqualTo("SELECT * FROM " + rows + " WHERE a ?? b");
    assertThat(sql.statements().getLast().rendered(name -> name))
        .isEqualTo("SELECT * FROM " + rows + " WHERE a ? b");
    assertThat(sql.text()).contains(call);
  }

  @Test
  void readsNamesAndTypesOfTheJobsColumns() throws Exception {
    Statement statement =
        SqlText.parse(
                "SELECT * FROM koyomi.jobs() AS \"the job\"(\"subscriptionId\" bigint, Fee"
                    + " numeric(10, 2), tags text[], grid int[3][], \"it's \"\"x\"\"\" timestamp"
                    + " with time zone, größe \"My\".\"Type\") WHERE x")
            .statements()
            .getFirst();
    assertThat(statement.columns())
        .containsExactly("subscriptionId", "fee", "tags", "grid", "it's \"x\"", "größe");
    assertThat(statement.text())
        .isEqualTo(
            "SELECT * FROM (select c1::bigint as \"subscriptionId\", c2::numeric(10, 2) as \"fee\","
                + " c3::text[] as \"tags\", c4::int[3][] as \"grid\", c5::timestamp with time zone"
                + " as \"it's \"\"x\"\"\", c6::\"My\".\"Type\" as \"größe\" from"
                + " unnest(koyomi.column('subscriptionId'), koyomi.column('fee'),"
                + " koyomi.column('tags'), koyomi.column('grid'), koyomi.column('it''s \"x\"'),"
                + " koyomi.column('größe')) as u(c1, c2, c3, c4, c5, c6)) AS \"the job\" WHERE x");
  }

  @Test
  void foldsAndPartsTheJobsColumnsAsTheServerDoes() throws Exception {
    Statement statement =
        SqlText.parse("SELECT * FROM koyomi.jobs() AS j(GR\u00d6SSE timestamp/**/with time zone)")
            .statements()
            .getFirst();
    assertThat(statement.columns()).containsExactly("gr\u00d6sse");
    assertThat(statement.text()).contains("c1::timestamp with time zone as");
  }

  @Test
  void needsTheParametersAndTheJobsColumns() throws Exception {
    SqlText sql =
        SqlText.parse(
            "SELECT :b; SELECT * FROM koyomi.jobs() AS j(a int, b int), koyomi.jobs() k(c int)");
    assertThat(sql.needed()).containsExactly("b", "a", "c");
    assertThat(sql.parameters()).containsExactly("b");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "koyomi.jobs()",
        "koyomi.jobs() AS j",
        "koyomi.jobs() j WHERE a = b(1)",
        "koyomi.jobs() AS (a int)",
        "koyomi.jobs() AS j()",
        "koyomi.jobs() AS j(a)",
        "koyomi.jobs() AS j(a, b int)",
        "koyomi.jobs() AS j(a int, )",
        "koyomi.jobs() AS j(a int",
        "koyomi.jobs() AS j(a :type)",
        "koyomi.jobs() AS j(a int /* )",
      })
  void asksForTheColumnsOfTheJobs(String call) {
    assertThatThrownBy(() -> SqlText.parse("SELECT 1;\nSELECT * FROM " + call))
        .isInstanceOf(SqlProblem.class)
        .hasMessage(
            "koyomi.jobs() of line 2, column 15 needs the columns that it gives: write"
                + " koyomi.jobs() AS job(\"subscriptionId\" bigint, …), each with its type.");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "SELECT 'koyomi.jobs()'",
        "SELECT $$koyomi.jobs()$$",
        "SELECT 1 -- koyomi.jobs()",
        "SELECT /* koyomi.jobs() */ 1",
        "SELECT \"koyomi.jobs()\"",
        "SELECT koyomi.jobs",
        "SELECT koyomi.jobs(1)",
        "SELECT koyomi.jobs_of()",
        "SELECT mykoyomi.jobs()",
        "SELECT _koyomi.jobs()",
      })
  void leavesAllThatIsNoCallForTheJobs(String text) throws Exception {
    SqlText sql = SqlText.parse(text);
    assertThat(sql.usesJobs()).isFalse();
    assertThat(sql.statements()).extracting(Statement::text).containsExactly(text);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "SELECT 1 ORDER BY 1",
        "SELECT 1 order\n  by 1 LIMIT 3",
        "SELECT 1 ORDER -- now\n /* really */ By 1",
        "(SELECT 1) UNION (SELECT 2) ORDER BY 1",
      })
  void seesTheOrderOfAStatement(String text) throws Exception {
    assertThat(SqlText.parse(text).statements().getFirst().ordered()).isTrue();
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "SELECT 1",
        "SELECT row_number() OVER (ORDER BY 1)",
        "SELECT * FROM (SELECT 1 ORDER BY 1) AS a",
        "SELECT 'ORDER BY 1'",
        "SELECT 1 -- ORDER BY 1",
        "SELECT \"order\" by FROM a",
        "SELECT order, by FROM a",
        "SELECT a.order AS by",
        "SELECT reorder by_",
        "SELECT f(order) by",
      })
  void seesThatAStatementHasNoOrder(String text) throws Exception {
    assertThat(SqlText.parse(text).statements().getFirst().ordered()).isFalse();
  }

  @Test
  void theOrderOfOneStatementIsNotThatOfTheNext() throws Exception {
    assertThat(SqlText.parse("SELECT 1 ORDER BY 1; SELECT 2 ORDER; BY").statements())
        .extracting(Statement::ordered)
        .containsExactly(true, false, false);
  }

  @Test
  void splitsStatementsAtSemicolonsOutsideQuotesAndParentheses() throws Exception {
    SqlText sql =
        SqlText.parse(
            """
            -- first
            UPDATE a SET b = ';' /* ; */ WHERE c = $$;$$;
            CREATE RULE r AS ON INSERT TO a DO ALSO (DELETE FROM b; DELETE FROM c);
            delete from d where e = :e
            """);
    assertThat(sql.statements())
        .extracting(Statement::keyword)
        .containsExactly("UPDATE", "CREATE", "DELETE");
    assertThat(sql.statements())
        .extracting(Statement::parameters)
        .containsExactly(List.of(), List.of(), List.of("e"));
  }

  @ParameterizedTest
  @ValueSource(strings = {"", " \n ", ";", " ; ;; ", "-- only words\n;", "/* /* */ */ ;"})
  void dropsStatementsWithoutAWord(String text) throws Exception {
    assertThat(SqlText.parse(text).statements()).isEmpty();
  }

  @ParameterizedTest
  @CsvSource({
    "select 1, SELECT",
    "/* a */ with x as (select 1) select 2, WITH",
    "((SELECT 1) UNION SELECT 2), SELECT",
    "-- a\\nCommit, COMMIT",
    "123, ''",
  })
  void knowsTheFirstWord(String text, String keyword) throws Exception {
    assertThat(SqlText.parse(text.replace("\\n", "\n")).statements().getFirst().keyword())
        .isEqualTo(keyword);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '¦',
      quoteCharacter = '\0',
      value = {
        "SELECT 'a ¦ The quote ' of line 1, column 8 has no end: close it with '.",
        "SELECT 1,\\n  'it's' ¦ The quote ' of line 2, column 8 has no end: close it with '.",
        "SELECT E'a\\' ¦ The quote ' of line 1, column 9 has no end: close it with '.",
        "SELECT \"a ¦ The quote \" of line 1, column 8 has no end: close it with \".",
        "SELECT $x$ a $$ ¦ The quote $x$ of line 1, column 8 has no end: close it with $x$.",
        "SELECT 1 /* /* */ ¦ The comment /* of line 1, column 10 has no end: close it with */.",
        "SELECT $1 ¦ The parameter in line 1, column 8 has no name: write :name instead of $1.",
      })
  void saysWhereSomethingWasLeftOpen(String text, String sentence) {
    assertThatThrownBy(() -> SqlText.parse(text.replace("\\n", "\n")))
        .isInstanceOf(SqlProblem.class)
        .hasMessage(sentence);
  }
}
