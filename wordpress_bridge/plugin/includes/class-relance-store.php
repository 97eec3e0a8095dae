<?php
/**
 * What the plugin keeps: three tables and three options, all of them gone after an uninstall.
 *
 * @package Relance
 */

if ( ! defined( 'ABSPATH' ) ) {
	exit;
}

/**
 * Settings, the connection, and the tables.
 */
class Relance_Store {

	const DB_VERSION = 1;

	/**
	 * What a person may choose, and what is chosen until then: nothing is said to anybody before a switch is turned.
	 *
	 * @return array
	 */
	public static function defaults() {
		return array(
			'on'          => array(),
			'forms'       => array(),
			'owner_phone' => '',
			'post_types'  => array( 'post' ),
			'sentence'    => '',
			'checkout'    => '',
			'login'       => 'off',
			'login_roles' => array(),
		);
	}

	/**
	 * The settings, whole. Loaded with WordPress's own options: no query of its own.
	 *
	 * @return array
	 */
	public static function settings() {
		$kept = get_option( 'relance_settings', array() );
		return array_merge( self::defaults(), is_array( $kept ) ? $kept : array() );
	}

	/**
	 * Changes some settings.
	 *
	 * @param array $changes Name => value.
	 */
	public static function change( array $changes ) {
		update_option( 'relance_settings', array_merge( self::settings(), $changes ), true );
	}

	/**
	 * Whether one of the switches of "what your site can trigger" is on, and there is somebody to tell.
	 *
	 * @param string $what members, comments, posts, carts, orders, optin.
	 * @return bool
	 */
	public static function is_on( $what ) {
		$settings = self::settings();
		return ! empty( $settings['on'][ $what ] ) && self::connected();
	}

	/**
	 * Whether the site is connected.
	 *
	 * @return bool
	 */
	public static function connected() {
		$settings = self::settings();
		return ! empty( $settings['connected'] );
	}

	/**
	 * The connection: hook, secret, country, language, offset. Read only when something is sent, so not autoloaded.
	 *
	 * @return array
	 */
	public static function connection() {
		$kept = get_option( 'relance_connection', array() );
		$kept = is_array( $kept ) ? $kept : array();
		if ( defined( 'RELANCE_SECRET' ) ) {
			$kept['secret'] = RELANCE_SECRET;
		}
		return $kept;
	}

	/**
	 * Keeps the connection; an empty one says that the site is not connected any more.
	 *
	 * @param array $connection As `connection` gives it.
	 */
	public static function connect( array $connection ) {
		global $wpdb;
		if ( array() === $connection ) {
			delete_option( 'relance_connection' );
			// Nobody will hear it: what waits is people's data without a reason.
			$wpdb->delete( self::table( 'queue' ), array( 'state' => 'waiting' ) );
			delete_option( 'relance_trouble' );
			update_option( 'relance_next', 0, true );
		} else {
			update_option( 'relance_connection', $connection, false );
		}
		self::change( array( 'connected' => array() !== $connection ) );
	}

	/**
	 * The country that national numbers are of: the shop's, else the one that Relance said when we connected.
	 *
	 * @return string Two letters.
	 */
	public static function country() {
		$shop = get_option( 'woocommerce_default_country', '' );
		if ( is_string( $shop ) && preg_match( '/^[A-Z]{2}/', $shop, $found ) ) {
			return $found[0];
		}
		$connection = self::connection();
		return isset( $connection['country'] ) ? $connection['country'] : 'FR';
	}

	/**
	 * A table's name on this site.
	 *
	 * @param string $name queue, people or carts.
	 * @return string
	 */
	public static function table( $name ) {
		global $wpdb;
		return $wpdb->prefix . 'relance_' . $name;
	}

	/**
	 * After an update nothing calls the activation hook.
	 */
	public static function catch_up() {
		if ( self::DB_VERSION !== (int) get_option( 'relance_db', 0 ) ) {
			self::set_up();
		}
	}

	/**
	 * Makes the tables, or brings them up to date.
	 */
	public static function set_up() {
		global $wpdb;
		require_once ABSPATH . 'wp-admin/includes/upgrade.php';
		$collate = $wpdb->get_charset_collate();
		$queue   = self::table( 'queue' );
		$people  = self::table( 'people' );
		$carts   = self::table( 'carts' );
		dbDelta(
			"CREATE TABLE {$queue} (
			id bigint(20) unsigned NOT NULL AUTO_INCREMENT,
			uid char(32) NOT NULL,
			type varchar(20) NOT NULL,
			subject varchar(100) NOT NULL DEFAULT '',
			body longtext NOT NULL,
			created decimal(14,3) unsigned NOT NULL,
			due int(10) unsigned NOT NULL,
			tries smallint(5) unsigned NOT NULL DEFAULT 0,
			claim char(16) NOT NULL DEFAULT '',
			claimed int(10) unsigned NOT NULL DEFAULT 0,
			state varchar(10) NOT NULL DEFAULT 'waiting',
			result varchar(250) NOT NULL DEFAULT '',
			PRIMARY KEY  (id),
			KEY state_due (state,due),
			KEY subject (subject)
			) {$collate};"
		);
		dbDelta(
			"CREATE TABLE {$people} (
			id bigint(20) unsigned NOT NULL AUTO_INCREMENT,
			token char(32) NOT NULL,
			phone varchar(20) NOT NULL,
			name varchar(100) NOT NULL DEFAULT '',
			email varchar(190) NOT NULL DEFAULT '',
			state varchar(10) NOT NULL DEFAULT 'pending',
			sentence text NOT NULL,
			version char(12) NOT NULL DEFAULT '',
			page varchar(250) NOT NULL DEFAULT '',
			ip varchar(45) NOT NULL DEFAULT '',
			verification varchar(64) NOT NULL DEFAULT '',
			asked int(10) unsigned NOT NULL,
			answered int(10) unsigned NOT NULL DEFAULT 0,
			PRIMARY KEY  (id),
			UNIQUE KEY token (token),
			KEY phone (phone),
			KEY email (email)
			) {$collate};"
		);
		dbDelta(
			"CREATE TABLE {$carts} (
			token char(32) NOT NULL,
			content longtext NOT NULL,
			contact text NOT NULL,
			digest char(32) NOT NULL DEFAULT '',
			email varchar(190) NOT NULL DEFAULT '',
			changed int(10) unsigned NOT NULL,
			PRIMARY KEY  (token),
			KEY email (email),
			KEY changed (changed)
			) {$collate};"
		);
		add_option( 'relance_settings', self::defaults(), '', true );
		add_option( 'relance_next', 0, '', true );
		update_option( 'relance_db', self::DB_VERSION, true );
	}

	/**
	 * Removes every trace: tables, options, marks on people and posts, counters. For one site of a network.
	 */
	public static function remove() {
		global $wpdb;
		foreach ( array( 'queue', 'people', 'carts' ) as $name ) {
			$table = self::table( $name );
			// phpcs:ignore WordPress.DB.PreparedSQL.InterpolatedNotPrepared -- a table's name, made above.
			$wpdb->query( "DROP TABLE IF EXISTS {$table}" );
		}
		foreach ( array( 'relance_settings', 'relance_connection', 'relance_next', 'relance_db', 'relance_trouble' ) as $name ) {
			delete_option( $name );
		}
		delete_metadata( 'user', 0, 'relance_phone', '', true );
		delete_metadata( 'user', 0, 'relance_verified', '', true );
		foreach ( array( '_relance_told', '_relance_cart', '_relance_consent', '_relance' ) as $name ) {
			delete_metadata( 'post', 0, $name, '', true );
		}
		$orders = $wpdb->prefix . 'wc_orders_meta';
		if ( $wpdb->get_var( $wpdb->prepare( 'SHOW TABLES LIKE %s', $wpdb->esc_like( $orders ) ) ) === $orders ) {
			// phpcs:ignore WordPress.DB.PreparedSQL.InterpolatedNotPrepared -- a table's name, made above.
			$wpdb->query( $wpdb->prepare( "DELETE FROM {$orders} WHERE meta_key IN (%s, %s)", '_relance_cart', '_relance_consent' ) );
		}
		if ( function_exists( 'as_unschedule_all_actions' ) ) {
			as_unschedule_all_actions( 'relance_leave' );
		}
		$counters = $wpdb->esc_like( '_transient_relance_' ) . '%';
		$ends     = $wpdb->esc_like( '_transient_timeout_relance_' ) . '%';
		$wpdb->query( $wpdb->prepare( "DELETE FROM {$wpdb->options} WHERE option_name LIKE %s OR option_name LIKE %s", $counters, $ends ) );
	}

	/**
	 * Counts an attempt, and says whether it is one too many.
	 *
	 * @param string $what    Of what kind.
	 * @param string $who     By whom; kept as a hash only.
	 * @param int    $most    How many there may be.
	 * @param int    $seconds Within how long.
	 * @return bool
	 */
	public static function too_many( $what, $who, $most, $seconds ) {
		$name  = 'relance_' . $what . '_' . substr( wp_hash( $who ), 0, 20 );
		$count = (int) get_transient( $name );
		if ( $count >= $most ) {
			return true;
		}
		set_transient( $name, $count + 1, $seconds );
		return false;
	}

	/**
	 * The visitor's address as the web server saw it: a header could say anything.
	 *
	 * @return string
	 */
	public static function ip() {
		$ip = isset( $_SERVER['REMOTE_ADDR'] ) ? sanitize_text_field( wp_unslash( $_SERVER['REMOTE_ADDR'] ) ) : '';
		return filter_var( $ip, FILTER_VALIDATE_IP ) ? $ip : '';
	}

	/**
	 * This moment, to the millisecond: two changes in one second have an order.
	 *
	 * @return float Unix time.
	 */
	public static function now() {
		return round( microtime( true ), 3 );
	}

	/**
	 * A secret name that nobody guesses.
	 *
	 * @return string 32 hexadecimal digits.
	 */
	public static function token() {
		return bin2hex( random_bytes( 16 ) );
	}

	/**
	 * The version of a sentence that people agree to: it changes when a letter of it does.
	 *
	 * @param string $sentence The sentence.
	 * @return string
	 */
	public static function version_of( $sentence ) {
		return substr( hash( 'sha256', $sentence ), 0, 12 );
	}

	/**
	 * The language that is spoken here now, as two letters.
	 *
	 * @return string
	 */
	public static function language() {
		return substr( determine_locale(), 0, 2 );
	}
}
