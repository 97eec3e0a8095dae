<?php
/**
 * The queue: what happened is kept in a table, and leaves after the page has been answered.
 *
 * No cron is asked. What cannot leave now leaves at the end of a later request: the one option `relance_next`, loaded
 * with WordPress's own, says when there is something to do, so that a quiet site pays nothing.
 *
 * @package Relance
 */

if ( ! defined( 'ABSPATH' ) ) {
	exit;
}

/**
 * Keeps, sends, tries again, forgets.
 */
class Relance_Queue {

	const MOST_WAITING = 5000;
	const MOST_SHOWN   = 20;
	const MOST_AT_ONCE = 20;
	const KEPT_FOR     = 2592000;
	const CLAIM_LIVES  = 60;
	const MOST_TRIES   = 5;
	const PATIENCE     = 5;

	/**
	 * What this request found, built only when it ends: by then WordPress and the shop have saved what they had.
	 *
	 * @var array
	 */
	private static $found = array();

	/**
	 * Whether this request added something.
	 *
	 * @var bool
	 */
	private static $added = false;

	/**
	 * Where WordPress calls us.
	 */
	public static function hooks() {
		add_action( 'shutdown', array( __CLASS__, 'write' ), 5 );
		add_action( 'shutdown', array( __CLASS__, 'answer_first' ), 0 );
		add_action( 'shutdown', array( __CLASS__, 'leave' ), 1000 );
		add_action( 'relance_leave', array( __CLASS__, 'work' ) );
	}

	/**
	 * Something happened; `$build` says what, when this request ends. The same thing twice in a request is once.
	 *
	 * @param string   $type    What kind of event.
	 * @param string   $subject Whose or which: "order/12".
	 * @param callable $build   Gives the event's data, or null when there is nothing to say.
	 */
	public static function later( $type, $subject, $build ) {
		self::$found[ $type . ' ' . $subject ] = array( $type, $subject, $build );
	}

	/**
	 * Builds and keeps what this request found.
	 */
	public static function write() {
		$found       = self::$found;
		self::$found = array();
		foreach ( $found as list( $type, $subject, $build ) ) {
			$data = call_user_func( $build );
			if ( is_array( $data ) ) {
				self::add( $type, $subject, $data );
			}
		}
	}

	/**
	 * Keeps one event. A newer one of the same subject replaces it while it waits, where only the last state counts.
	 *
	 * @param string $type    What kind of event.
	 * @param string $subject Whose or which.
	 * @param array  $data    What is said (JSON).
	 */
	public static function add( $type, $subject, array $data ) {
		global $wpdb;
		if ( ! Relance_Store::connected() ) {
			return;
		}
		$table = Relance_Store::table( 'queue' );
		if ( in_array( $type, array( 'cart', 'order', 'member' ), true ) ) {
			// phpcs:ignore WordPress.DB.PreparedSQL.InterpolatedNotPrepared
			$wpdb->query( $wpdb->prepare( "DELETE FROM {$table} WHERE subject = %s AND type = %s AND state = 'waiting' AND claimed < %d", $subject, $type, time() - self::CLAIM_LIVES ) );
		}
		// While Relance is away, what is new waits with the rest: a visitor's page is not the place to try again.
		$trouble = get_option( 'relance_trouble', '' );
		$due     = $trouble ? max( time(), (int) get_option( 'relance_next', 0 ) ) : time();
		$wpdb->insert(
			$table,
			array(
				'uid'     => Relance_Store::token(),
				'type'    => $type,
				'subject' => substr( $subject, 0, 100 ),
				'body'    => wp_json_encode( $data ),
				'created' => Relance_Store::now(),
				'due'     => $due,
			)
		);
		if ( $trouble ) {
			self::keep_within_bounds();
		}
		self::$added = true;
		self::next_at( $due );
	}

	/**
	 * Lets everything leave now: after a connection, or when a person asks.
	 */
	public static function wake() {
		global $wpdb;
		$table = Relance_Store::table( 'queue' );
		// phpcs:ignore WordPress.DB.PreparedSQL.InterpolatedNotPrepared
		$wpdb->query( $wpdb->prepare( "UPDATE {$table} SET due = %d WHERE state = 'waiting'", time() ) );
		delete_option( 'relance_trouble' );
		self::next_at( time() );
	}

	/**
	 * Ends a small answer that has not left yet with its length, so that the browser does not wait for what follows.
	 */
	public static function answer_first() {
		if ( array() === self::$found && ! self::is_time() ) {
			return;
		}
		self::write();
		if ( ! self::$added || function_exists( 'fastcgi_finish_request' ) || function_exists( 'litespeed_finish_request' ) ) {
			return;
		}
		if ( 1 === ob_get_level() && ! headers_sent() && ! ini_get( 'zlib.output_compression' ) ) {
			header( 'Content-Length: ' . ob_get_length() );
			header( 'Connection: close' );
		}
	}

	/**
	 * The page has been answered: what is due leaves.
	 */
	public static function leave() {
		if ( ! self::is_time() || ( defined( 'WP_INSTALLING' ) && WP_INSTALLING ) ) {
			return;
		}
		$detached = false;
		if ( function_exists( 'fastcgi_finish_request' ) ) {
			$detached = fastcgi_finish_request();
		} elseif ( function_exists( 'litespeed_finish_request' ) ) {
			$detached = litespeed_finish_request();
		}
		ignore_user_abort( true );
		if ( ! $detached ) {
			if ( ! self::$added && function_exists( 'as_enqueue_async_action' ) && ! wp_doing_cron() ) {
				if ( ! as_has_scheduled_action( 'relance_leave', array(), 'relance' ) ) {
					as_enqueue_async_action( 'relance_leave', array(), 'relance' );
				}
				self::next_at( time() + 60, true );
				return;
			}
			// Everything is written: the visitor sees the page, whatever we still do.
			flush();
		}
		self::work( $detached ? 20 : 2 );
	}

	/**
	 * Sends what is due.
	 *
	 * @param int $seconds For how long at most.
	 */
	public static function work( $seconds = 20 ) {
		$seconds = is_numeric( $seconds ) && $seconds > 0 ? (int) $seconds : 20;
		$end     = microtime( true ) + $seconds;
		$most    = self::MOST_AT_ONCE;
		self::forget();
		do {
			$rows = self::claim( $most );
			if ( array() === $rows ) {
				break;
			}
			$most = self::send( $rows, $seconds > 2 ? 10 : 2 );
		} while ( $most > 0 && microtime( true ) < $end );
		self::look_ahead();
	}

	/**
	 * Takes up to `$most` due rows for this process alone.
	 *
	 * @param int $most How many.
	 * @return array
	 */
	private static function claim( $most ) {
		global $wpdb;
		$table = Relance_Store::table( 'queue' );
		$claim = substr( Relance_Store::token(), 0, 16 );
		$now   = time();
		// phpcs:disable WordPress.DB.PreparedSQL.InterpolatedNotPrepared
		$wpdb->query(
			$wpdb->prepare(
				"UPDATE {$table} SET claim = %s, claimed = %d WHERE state = 'waiting' AND due <= %d AND claimed < %d ORDER BY id LIMIT %d",
				$claim,
				$now,
				$now,
				$now - self::CLAIM_LIVES,
				$most
			)
		);
		return $wpdb->get_results( $wpdb->prepare( "SELECT * FROM {$table} WHERE claim = %s AND state = 'waiting' ORDER BY id", $claim ) );
		// phpcs:enable
	}

	/**
	 * Says some rows in one request.
	 *
	 * @param array $rows    Claimed rows.
	 * @param int   $timeout Seconds.
	 * @return int How many to say next; 0 to stop for now.
	 */
	private static function send( array $rows, $timeout ) {
		$events = array();
		$names  = '';
		foreach ( $rows as $row ) {
			$names   .= $row->uid;
			$events[] = array(
				'id'   => $row->uid,
				'type' => $row->type,
				'at'   => (float) $row->created,
				'data' => json_decode( $row->body, true ),
			);
		}
		$answer = Relance_Wire::say(
			'events',
			array(
				'version'  => RELANCE_VERSION,
				'language' => substr( get_locale(), 0, 2 ),
				'events'   => $events,
			),
			$timeout,
			substr( hash( 'sha256', $names ), 0, 32 )
		);
		$status = $answer['status'];
		if ( $status >= 200 && $status < 300 ) {
			$said = is_array( $answer['json'] ) && isset( $answer['json']['results'] ) ? $answer['json']['results'] : array();
			foreach ( $rows as $row ) {
				self::close( $row, 'sent', isset( $said[ $row->uid ] ) ? (string) $said[ $row->uid ] : '' );
			}
			delete_option( 'relance_trouble' );
			return self::MOST_AT_ONCE;
		}
		if ( 400 === $status || 413 === $status || 422 === $status ) {
			if ( count( $rows ) > 1 ) {
				// One of them cannot be read: alone, it does not hold up the others.
				self::let_go( $rows, time() );
				return 1;
			}
			self::close( $rows[0], 'refused', Relance_Wire::why_not( $answer ) );
			return 1;
		}
		self::postpone( $rows, $answer );
		return 0;
	}

	/**
	 * A row has been said: what was in it is not needed any more.
	 *
	 * @param object $row    The row.
	 * @param string $state  sent or refused.
	 * @param string $result What Relance said of it.
	 */
	private static function close( $row, $state, $result ) {
		self::change(
			$row,
			array(
				'state'  => $state,
				'result' => mb_substr( $result, 0, 250 ),
				'body'   => '',
				'due'    => time(),
			)
		);
	}

	/**
	 * Changes a claimed row. Another process may hold it for a moment, or the database end one of two that wait for each
	 * other (InnoDB: errors 1205 and 1213, both to be tried again): what was said would be said twice.
	 *
	 * @param object $row     The row.
	 * @param array  $changes Column and value.
	 */
	private static function change( $row, array $changes ) {
		global $wpdb;
		$end = microtime( true ) + self::PATIENCE;
		for ( $try = 1; $try <= self::MOST_TRIES; $try++ ) {
			$last   = self::MOST_TRIES === $try || microtime( true ) > $end;
			$silent = $wpdb->suppress_errors( ! $last );
			$done   = $wpdb->update( Relance_Store::table( 'queue' ), $changes, array( 'id' => $row->id ) );
			$wpdb->suppress_errors( $silent );
			if ( false !== $done || $last ) {
				return;
			}
			usleep( 20000 * $try );
		}
	}

	/**
	 * Gives rows back.
	 *
	 * @param array $rows The rows.
	 * @param int   $due  When they are due again.
	 */
	private static function let_go( array $rows, $due ) {
		foreach ( $rows as $row ) {
			self::change(
				$row,
				array(
					'claim'   => '',
					'claimed' => 0,
					'due'     => $due,
				)
			);
		}
	}

	/**
	 * Relance could not be reached, or did not want to hear now: everything waits, longer each time.
	 *
	 * @param array $rows   The rows.
	 * @param array $answer The wire's answer.
	 */
	private static function postpone( array $rows, array $answer ) {
		global $wpdb;
		$table   = Relance_Store::table( 'queue' );
		$tries   = (int) $rows[0]->tries;
		$pauses  = array( 15, 30, 60, 120, 300, 900, 1800, 3600 );
		$pause   = 401 === $answer['status'] || 404 === $answer['status'] ? 3600 : $pauses[ min( $tries, count( $pauses ) - 1 ) ];
		$due     = time() + max( $pause, $answer['after'] );
		$trouble = Relance_Wire::why_not( $answer );
		self::let_go( $rows, $due );
		// phpcs:ignore WordPress.DB.PreparedSQL.InterpolatedNotPrepared
		$wpdb->query( $wpdb->prepare( "UPDATE {$table} SET due = GREATEST(due, %d), tries = tries + 1 WHERE state = 'waiting'", $due ) );
		update_option(
			'relance_trouble',
			array(
				'since' => time(),
				'why'   => $trouble,
			),
			false
		);
	}

	/**
	 * The table stays small: the last twenty that were said, and what waits within its bounds.
	 */
	private static function forget() {
		global $wpdb;
		$table = Relance_Store::table( 'queue' );
		// phpcs:disable WordPress.DB.PreparedSQL.InterpolatedNotPrepared
		$last = (int) $wpdb->get_var( $wpdb->prepare( "SELECT id FROM {$table} WHERE state <> 'waiting' ORDER BY id DESC LIMIT 1 OFFSET %d", self::MOST_SHOWN ) );
		if ( $last > 0 ) {
			$wpdb->query( $wpdb->prepare( "DELETE FROM {$table} WHERE state <> 'waiting' AND id <= %d", $last ) );
		}
		$wpdb->query( $wpdb->prepare( "DELETE FROM {$table} WHERE state = 'waiting' AND created < %d", time() - self::KEPT_FOR ) );
		// phpcs:enable
		self::forget_people();
	}

	/**
	 * Who never typed the code is forgotten after two days, a cart after thirty.
	 */
	private static function forget_people() {
		global $wpdb;
		if ( get_transient( 'relance_swept' ) ) {
			return;
		}
		set_transient( 'relance_swept', 1, 3600 );
		$people = Relance_Store::table( 'people' );
		$carts  = Relance_Store::table( 'carts' );
		// phpcs:disable WordPress.DB.PreparedSQL.InterpolatedNotPrepared
		$wpdb->query( $wpdb->prepare( "DELETE FROM {$people} WHERE state = 'pending' AND asked < %d", time() - 172800 ) );
		$wpdb->query( $wpdb->prepare( "DELETE FROM {$carts} WHERE changed < %d", time() - self::KEPT_FOR ) );
		// phpcs:enable
		Relance_Coupons::sweep();
	}

	/**
	 * The oldest go first when more waits than anybody will want to hear.
	 */
	private static function keep_within_bounds() {
		global $wpdb;
		$table = Relance_Store::table( 'queue' );
		// phpcs:disable WordPress.DB.PreparedSQL.InterpolatedNotPrepared
		$first = (int) $wpdb->get_var( $wpdb->prepare( "SELECT id FROM {$table} WHERE state = 'waiting' ORDER BY id DESC LIMIT 1 OFFSET %d", self::MOST_WAITING ) );
		if ( $first > 0 ) {
			$wpdb->query( $wpdb->prepare( "DELETE FROM {$table} WHERE state = 'waiting' AND id <= %d", $first ) );
		}
		// phpcs:enable
	}

	/**
	 * Notes when there is something to do again.
	 */
	private static function look_ahead() {
		global $wpdb;
		$table = Relance_Store::table( 'queue' );
		// phpcs:ignore WordPress.DB.PreparedSQL.InterpolatedNotPrepared
		$due = (int) $wpdb->get_var( "SELECT MIN(GREATEST(due, claimed)) FROM {$table} WHERE state = 'waiting'" );
		self::next_at( $due, true );
	}

	/**
	 * Sets the moment of the next work; an earlier one stays unless told otherwise.
	 *
	 * @param int  $moment Unix time; 0 for never.
	 * @param bool $surely Whether a later moment may replace an earlier one.
	 */
	private static function next_at( $moment, $surely = false ) {
		$known = (int) get_option( 'relance_next', 0 );
		if ( $known !== $moment && ( $surely || 0 === $known || $moment < $known ) ) {
			update_option( 'relance_next', $moment, true );
		}
	}

	/**
	 * Whether something is due.
	 *
	 * @return bool
	 */
	private static function is_time() {
		$next = (int) get_option( 'relance_next', 0 );
		return $next > 0 && $next <= time();
	}

	/**
	 * The last events and their results, newest first, for the settings page.
	 *
	 * @return array
	 */
	public static function last() {
		global $wpdb;
		$table = Relance_Store::table( 'queue' );
		// phpcs:ignore WordPress.DB.PreparedSQL.InterpolatedNotPrepared
		return $wpdb->get_results( $wpdb->prepare( "SELECT id, type, subject, created, due, tries, state, result FROM {$table} ORDER BY id DESC LIMIT %d", self::MOST_SHOWN ) );
	}

	/**
	 * What became of an event.
	 *
	 * @param string $subject Whose or which.
	 * @return array State and result.
	 */
	public static function became( $subject ) {
		global $wpdb;
		$table = Relance_Store::table( 'queue' );
		// phpcs:ignore WordPress.DB.PreparedSQL.InterpolatedNotPrepared
		$row = $wpdb->get_row( $wpdb->prepare( "SELECT state, result FROM {$table} WHERE subject = %s ORDER BY id DESC LIMIT 1", $subject ) );
		return $row ? array( $row->state, $row->result ) : array( '', '' );
	}

	/**
	 * How many wait.
	 *
	 * @return int
	 */
	public static function waiting() {
		global $wpdb;
		$table = Relance_Store::table( 'queue' );
		// phpcs:ignore WordPress.DB.PreparedSQL.InterpolatedNotPrepared
		return (int) $wpdb->get_var( "SELECT COUNT(*) FROM {$table} WHERE state = 'waiting'" );
	}
}
