<?php
/**
 * WordPress's own privacy tools: what we hold of a person, its erasure here and at Relance, the words for the policy.
 *
 * @package Relance
 */

if ( ! defined( 'ABSPATH' ) ) {
	exit;
}

/**
 * Both tools name people by e-mail; a number is found by way of the account, the orders and the carts.
 */
class Relance_Privacy {

	/**
	 * Where WordPress calls us.
	 */
	public static function hooks() {
		add_filter( 'wp_privacy_personal_data_exporters', array( __CLASS__, 'exporters' ) );
		add_filter( 'wp_privacy_personal_data_erasers', array( __CLASS__, 'erasers' ) );
		add_action( 'admin_init', array( __CLASS__, 'policy' ) );
		add_action( 'delete_user', array( __CLASS__, 'user_gone' ) );
	}

	/**
	 * Registers the exporter.
	 *
	 * @param array $all The others.
	 * @return array
	 */
	public static function exporters( $all ) {
		$all['relance'] = array(
			'exporter_friendly_name' => __( 'Relance: text messages', 'relance' ),
			'callback'               => array( __CLASS__, 'export' ),
		);
		return $all;
	}

	/**
	 * Registers the eraser.
	 *
	 * @param array $all The others.
	 * @return array
	 */
	public static function erasers( $all ) {
		$all['relance'] = array(
			'eraser_friendly_name' => __( 'Relance: text messages', 'relance' ),
			'callback'             => array( __CLASS__, 'erase' ),
		);
		return $all;
	}

	/**
	 * What we hold of the person with that address. A person has few rows: one page is all.
	 *
	 * @param string $email The address.
	 * @return array
	 */
	public static function export( $email ) {
		$items  = array();
		$phones = self::phones( $email );
		foreach ( self::people( $email, $phones ) as $row ) {
			$items[] = self::item(
				'subscriber-' . $row->id,
				array(
					__( 'Mobile number', 'relance' )      => $row->phone,
					__( 'First name', 'relance' )         => $row->name,
					__( 'State', 'relance' )              => $row->state,
					__( 'Agreed to', 'relance' )          => $row->sentence,
					__( 'On the page', 'relance' )        => $row->page,
					__( 'From the address', 'relance' )   => $row->ip,
					__( 'Asked on (UTC)', 'relance' )     => gmdate( 'Y-m-d H:i:s', (int) $row->asked ),
					__( 'Confirmed on (UTC)', 'relance' ) => $row->answered ? gmdate( 'Y-m-d H:i:s', (int) $row->answered ) : '',
				)
			);
		}
		foreach ( self::carts( $email ) as $row ) {
			$items[] = self::item(
				'cart-' . substr( $row->token, 0, 8 ),
				array(
					__( 'Cart', 'relance' )    => $row->content,
					__( 'Contact', 'relance' ) => $row->contact,
					__( 'Changed on (UTC)', 'relance' ) => gmdate( 'Y-m-d H:i:s', (int) $row->changed ),
				)
			);
		}
		$user = get_user_by( 'email', $email );
		if ( $user && get_user_meta( $user->ID, 'relance_phone', true ) ) {
			$items[] = self::item( 'phone-' . $user->ID, array( __( 'Confirmed mobile number', 'relance' ) => (string) get_user_meta( $user->ID, 'relance_phone', true ) ) );
		}
		return array(
			'data' => $items,
			'done' => true,
		);
	}

	/**
	 * One item of an export.
	 *
	 * @param string $id   Its id.
	 * @param array  $said Name => value.
	 * @return array
	 */
	private static function item( $id, array $said ) {
		$data = array();
		foreach ( array_filter( $said, 'strlen' ) as $name => $value ) {
			$data[] = array(
				'name'  => $name,
				'value' => $value,
			);
		}
		return array(
			'group_id'          => 'relance',
			'group_label'       => __( 'Text messages (Relance)', 'relance' ),
			'group_description' => __( 'Numbers that were given for text messages, and the proof of consent.', 'relance' ),
			'item_id'           => 'relance-' . $id,
			'data'              => $data,
		);
	}

	/**
	 * Forgets the person with that address, here and at Relance.
	 *
	 * @param string $email The address.
	 * @return array
	 */
	public static function erase( $email ) {
		$phones  = self::phones( $email );
		$removed = self::forget( $email, $phones );
		$told    = Relance_Store::connected();
		Relance_Queue::add(
			'erase',
			'erase/' . substr( wp_hash( $email ), 0, 20 ),
			array(
				'email'   => $email,
				'phones'  => $phones,
				'country' => Relance_Store::country(),
			)
		);
		return array(
			'items_removed'  => $removed > 0,
			'items_retained' => false,
			'messages'       => $told ? array( __( 'Relance was told to erase this person too. It keeps only that the number said no, if it did.', 'relance' ) ) : array(),
			'done'           => true,
		);
	}

	/**
	 * Forgets a number that has no address: a tool of its own on the settings page.
	 *
	 * @param string $phone The number as typed.
	 * @return int How many rows there were.
	 */
	public static function erase_phone( $phone ) {
		$removed = self::forget( '', array( $phone ) );
		Relance_Queue::add(
			'erase',
			'erase/' . substr( wp_hash( $phone ), 0, 20 ),
			array(
				'email'   => '',
				'phones'  => array( $phone ),
				'country' => Relance_Store::country(),
			)
		);
		return $removed;
	}

	/**
	 * Removes rows.
	 *
	 * @param string $email  The address, or nothing.
	 * @param array  $phones The numbers.
	 * @return int How many.
	 */
	private static function forget( $email, array $phones ) {
		global $wpdb;
		$removed = 0;
		foreach ( self::people( $email, $phones ) as $row ) {
			$removed += (int) $wpdb->delete( Relance_Store::table( 'people' ), array( 'id' => $row->id ) );
		}
		$needles = array_filter( array_merge( array( $email ), $phones ), 'strlen' );
		$queue   = Relance_Store::table( 'queue' );
		foreach ( $needles as $needle ) {
			// As it stands in the waiting JSON.
			$written = trim( (string) wp_json_encode( $needle ), '"' );
			// phpcs:ignore WordPress.DB.PreparedSQL.InterpolatedNotPrepared
			$removed += (int) $wpdb->query( $wpdb->prepare( "DELETE FROM {$queue} WHERE state = 'waiting' AND type <> 'erase' AND body LIKE %s", '%' . $wpdb->esc_like( $written ) . '%' ) );
		}
		if ( '' !== $email ) {
			$removed += (int) $wpdb->delete( Relance_Store::table( 'carts' ), array( 'email' => strtolower( $email ) ) );
			$user     = get_user_by( 'email', $email );
			if ( $user ) {
				$removed += (int) delete_user_meta( $user->ID, 'relance_phone' );
				delete_user_meta( $user->ID, 'relance_verified' );
			}
		}
		return $removed;
	}

	/**
	 * The numbers of the person with that address, as they were typed.
	 *
	 * @param string $email The address.
	 * @return array
	 */
	private static function phones( $email ) {
		$phones = array();
		$user   = get_user_by( 'email', $email );
		if ( $user ) {
			foreach ( array( 'relance_phone', 'billing_phone', 'phone' ) as $name ) {
				$phones[] = (string) get_user_meta( $user->ID, $name, true );
			}
		}
		foreach ( self::carts( $email ) as $row ) {
			$contact  = json_decode( $row->contact, true );
			$phones[] = isset( $contact['phone'] ) ? (string) $contact['phone'] : '';
		}
		if ( function_exists( 'wc_get_orders' ) ) {
			$orders = wc_get_orders(
				array(
					'billing_email' => $email,
					'limit'         => 100,
				)
			);
			foreach ( (array) $orders as $order ) {
				$phones[] = (string) $order->get_billing_phone();
			}
		}
		return array_values( array_unique( array_filter( array_map( 'trim', $phones ), 'strlen' ) ) );
	}

	/**
	 * Rows of people.
	 *
	 * @param string $email  The address, or nothing.
	 * @param array  $phones The numbers as typed: compared by their last nine digits.
	 * @return array
	 */
	private static function people( $email, array $phones ) {
		global $wpdb;
		$table = Relance_Store::table( 'people' );
		$rows  = array();
		// phpcs:disable WordPress.DB.PreparedSQL.InterpolatedNotPrepared
		if ( '' !== $email ) {
			$rows = $wpdb->get_results( $wpdb->prepare( "SELECT * FROM {$table} WHERE email = %s", $email ) );
		}
		foreach ( $phones as $phone ) {
			$digits = substr( preg_replace( '/\D/', '', $phone ), -9 );
			if ( strlen( $digits ) >= 6 ) {
				$rows = array_merge( $rows, $wpdb->get_results( $wpdb->prepare( "SELECT * FROM {$table} WHERE phone LIKE %s", '%' . $wpdb->esc_like( $digits ) ) ) );
			}
		}
		// phpcs:enable
		$once = array();
		foreach ( $rows as $row ) {
			$once[ $row->id ] = $row;
		}
		return $once;
	}

	/**
	 * Carts of the person with that address.
	 *
	 * @param string $email The address.
	 * @return array
	 */
	private static function carts( $email ) {
		global $wpdb;
		$table = Relance_Store::table( 'carts' );
		// phpcs:ignore WordPress.DB.PreparedSQL.InterpolatedNotPrepared
		return '' === $email ? array() : $wpdb->get_results( $wpdb->prepare( "SELECT * FROM {$table} WHERE email = %s", strtolower( $email ) ) );
	}

	/**
	 * An account is deleted: waiting words about it are not said any more.
	 *
	 * @param int $user The user's id.
	 */
	public static function user_gone( $user ) {
		global $wpdb;
		$wpdb->delete(
			Relance_Store::table( 'queue' ),
			array(
				'subject' => 'user/' . (int) $user,
				'state'   => 'waiting',
			)
		);
	}

	/**
	 * A proposal for the site's privacy policy.
	 */
	public static function policy() {
		wp_add_privacy_policy_content(
			'Relance',
			wp_kses_post(
				'<p>' . __( 'When you give us your mobile number (a form, an order, the text message opt-in), we hand it, with what the message needs (name, appointment, cart or order), to Relance, the service that sends our text messages. For messages with news and offers we ask for your agreement first and keep its proof: the words, the page, the moment and the address it came from. You can leave at any time by answering STOP.', 'relance' ) . '</p>'
			)
		);
	}
}
