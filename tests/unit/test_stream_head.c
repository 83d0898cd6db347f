/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <stdlib.h>

#include <cmocka.h>

#include "appid/dialogue.h"
#include "appid/stream_head.h"

static struct stream_head h;

static int setup(void **state)
{
	stream_head_init(&h);
	return 0;
}

static int teardown(void **state)
{
	stream_head_done(&h);
	return 0;
}

static struct stream_added add(uint32_t seq, const char *s)
{
	struct stream_added a;

	stream_head_add(&h, seq, s, strlen(s), &a);
	return a;
}

static void expect_prefix(const char *s)
{
	struct bytes b = stream_head_prefix(&h);

	assert_int_equal(bytes_left(&b), strlen(s));
	assert_memory_equal(b.p, s, strlen(s));
}

static void test_add_in_order_over_the_wrap(void **state)
{
	add(0xfffffffe, "abcd");
	add(2, "efgh");
	expect_prefix("abcdefgh");
	assert_int_equal(h.range_count, 1);
}

static void test_add_out_of_order(void **state)
{
	add(100, "ab");
	add(104, "ef");
	expect_prefix("ab");
	assert_int_equal(add(102, "cd").fresh, 2);
	expect_prefix("abcdef");
	assert_int_equal(h.range_count, 1);
}

static void test_add_before_the_base(void **state)
{
	struct stream_added a;

	add(3, "def");
	a = add(0, "abc");
	assert_int_equal(a.shift, 3);
	assert_int_equal(a.from, 0);
	expect_prefix("abcdef");
	a = add(0xffffffff, "_");
	assert_int_equal(a.shift, 1);
	expect_prefix("_abcdef");
}

static void test_add_retransmission_is_nothing_new(void **state)
{
	add(7, "abcdef");
	assert_int_equal(add(7, "abcdef").fresh, 0);
	assert_int_equal(add(9, "cd").fresh, 0);
	assert_false(h.conflict);
}

static void test_add_overlap_first_wins_and_is_noted(void **state)
{
	struct stream_added a;

	add(0, "abcd");
	a = add(2, "XXef");
	assert_int_equal(a.fresh, 2);
	expect_prefix("abcdef");
	assert_true(h.conflict);
}

static void test_add_over_several_pieces(void **state)
{
	add(10, "k");
	add(0, "a"); /* base moves */
	add(5, "f");
	assert_int_equal(add(0, "abcdefghijklm").fresh, 10);
	expect_prefix("abcdefghijklm");
	assert_int_equal(h.range_count, 1);
	assert_false(h.conflict);
}

static void test_add_outside_the_window(void **state)
{
	struct stream_added a;
	char *big = calloc(1, STREAM_HEAD_WINDOW);

	add(1000000, "a");
	assert_int_equal(stream_head_add(&h, 1000000 + STREAM_HEAD_WINDOW, "x", 1, &a), -ERANGE);
	assert_int_equal(stream_head_add(&h, 1000000 - STREAM_HEAD_WINDOW, "x", 1, &a), -ERANGE);
	/* the part inside is taken */
	assert_int_equal(stream_head_add(&h, 1000001, big, STREAM_HEAD_WINDOW, &a), 0);
	assert_int_equal(a.to, STREAM_HEAD_WINDOW);
	/* full: nothing can come before it any more */
	assert_int_equal(stream_head_add(&h, 999999, "x", 1, &a), -ERANGE);
	free(big);
}

static void test_add_too_many_pieces(void **state)
{
	struct stream_added a;

	for (uint32_t i = 0; i < STREAM_HEAD_RANGES; i++)
		assert_int_equal(stream_head_add(&h, i * 3, "x", 1, &a), 0);
	assert_int_equal(stream_head_add(&h, STREAM_HEAD_RANGES * 3, "x", 1, &a), -ENOSPC);
	assert_int_equal(a.fresh, 0);
	assert_int_equal(stream_head_add(&h, 1, "x", 1, &a), 0); /* joins one: fits */
}

/* Any order, any cut, twice: the same bytes. */
static void test_add_random_pieces(void **state)
{
	uint8_t text[600];
	unsigned seed = 1;

	for (size_t i = 0; i < sizeof(text); i++)
		text[i] = (uint8_t)(i * 7 + i / 256);
	for (unsigned round = 0; round < 300; round++) {
		uint32_t base = 0xffffff00u + round;
		bool have[600] = { 0 };
		size_t missing = sizeof(text);
		struct stream_added a;

		stream_head_done(&h);
		stream_head_add(&h, base, text, 1, &a); /* the base is known: others come after it */
		have[0] = true;
		missing--;
		for (unsigned n = 0; missing && n < 20000; n++) {
			size_t at = (seed = seed * 1103515245u + 12345u) >> 8, len;

			at %= sizeof(text);
			len = 1 + (seed >> 4) % 90;
			if (at + len > sizeof(text))
				len = sizeof(text) - at;
			if (stream_head_add(&h, base + (uint32_t)at, text + at, len, &a) < 0)
				continue;
			for (size_t i = at; i < at + len; i++) {
				missing -= !have[i];
				have[i] = true;
			}
		}
		assert_int_equal(missing, 0);
		assert_int_equal(bytes_left(&(struct bytes){ stream_head_prefix(&h).p, stream_head_prefix(&h).end }), sizeof(text));
		assert_memory_equal(stream_head_prefix(&h).p, text, sizeof(text));
		assert_false(h.conflict);
	}
}

static void test_dialogue_turns(void **state)
{
	struct dialogue d;

	dialogue_init(&d, false);
	dialogue_add(&d, 0, 10, "GET", 3, 3);
	dialogue_add(&d, 0, 13, " /", 2, 2);
	dialogue_add(&d, 1, 70, "200", 3, 3);
	assert_int_equal(dialogue_add(&d, 0, 10, "GET", 3, 3), 0); /* again: no turn */
	dialogue_add(&d, 0, 15, "POST", 4, 4);
	assert_int_equal(d.turn_count, 3);
	assert_int_equal(d.turns[0].to, 5);
	assert_int_equal(d.turns[2].from, 5);
	assert_memory_equal(dialogue_turn(&d, 2).p, "POST", 4);
	dialogue_done(&d);
}

static void test_dialogue_turn_keeps_its_place_when_the_base_moves(void **state)
{
	struct dialogue d;

	dialogue_init(&d, false);
	dialogue_add(&d, 0, 103, "def", 3, 3);
	dialogue_add(&d, 1, 5, "x", 1, 1);
	dialogue_add(&d, 0, 100, "abc", 3, 3); /* overtaken by its own second half */
	assert_int_equal(d.turn_count, 2);
	assert_true(d.rebased[0]);
	assert_int_equal(bytes_left(&(struct bytes){ dialogue_turn(&d, 0).p, dialogue_turn(&d, 0).end }), 6);
	assert_int_equal(d.turns[0].wire, 6);
	dialogue_done(&d);
}

static void test_dialogue_datagrams_stay_apart(void **state)
{
	struct dialogue d;

	dialogue_init(&d, true);
	dialogue_add(&d, 0, 0, "one", 3, 3);
	dialogue_add(&d, 0, 0, "two", 3, 1400);
	assert_int_equal(d.turn_count, 2);
	assert_memory_equal(dialogue_turn(&d, 1).p, "two", 3);
	assert_int_equal(d.turns[1].wire, 1400);
	assert_int_equal(dialogue_start(&d, 0).end - dialogue_start(&d, 0).p, 3);
	for (unsigned i = 0; i < DIALOGUE_TURNS; i++)
		dialogue_add(&d, 1, 0, "x", 1, 1);
	assert_int_equal(dialogue_add(&d, 1, 0, "x", 1, 1), -ENOSPC);
	dialogue_done(&d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_add_in_order_over_the_wrap, setup, teardown),
		cmocka_unit_test_setup_teardown(test_add_out_of_order, setup, teardown),
		cmocka_unit_test_setup_teardown(test_add_before_the_base, setup, teardown),
		cmocka_unit_test_setup_teardown(test_add_retransmission_is_nothing_new, setup, teardown),
		cmocka_unit_test_setup_teardown(test_add_overlap_first_wins_and_is_noted, setup, teardown),
		cmocka_unit_test_setup_teardown(test_add_over_several_pieces, setup, teardown),
		cmocka_unit_test_setup_teardown(test_add_outside_the_window, setup, teardown),
		cmocka_unit_test_setup_teardown(test_add_too_many_pieces, setup, teardown),
		cmocka_unit_test_setup_teardown(test_add_random_pieces, setup, teardown),
		cmocka_unit_test(test_dialogue_turns),
		cmocka_unit_test(test_dialogue_turn_keeps_its_place_when_the_base_moves),
		cmocka_unit_test(test_dialogue_datagrams_stay_apart),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
